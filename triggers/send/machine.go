package send

import (
	"context"
	"errors"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

// machine are the credentials that the machine has: from its environment, its files or its cloud. They are looked for when they are first
// needed, so that a deployment without AWS never asks.
type machine struct {
	mu    sync.Mutex
	found aws.CredentialsProvider
}

var errNoCredentials = errors.New("the machine has no credentials of AWS, and the subscription brings none")

func (m *machine) Retrieve(ctx context.Context) (aws.Credentials, error) {
	m.mu.Lock()
	found := m.found
	m.mu.Unlock()
	if found == nil {
		c, err := config.LoadDefaultConfig(ctx)
		if err != nil || c.Credentials == nil {
			return aws.Credentials{}, errNoCredentials
		}
		found = c.Credentials
		m.mu.Lock()
		m.found = found
		m.mu.Unlock()
	}
	got, err := found.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, errNoCredentials
	}
	return got, nil
}
