package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// completeWithin is how long the completion of an invocation may take.
const completeWithin = 10 * time.Second

// completingClient follows no redirect, which would take the secret elsewhere.
func completingClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment}, Timeout: completeWithin,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// hookMetadata is what a payload has of the invocation that it belongs to.
type hookMetadata struct {
	CallbackURL string `json:"callbackURL"`
	Secret      string `json:"secret"`
}

func metadataOf(body []byte) hookMetadata {
	var payload struct {
		Metadata hookMetadata `json:"_metadata"`
	}
	if json.Unmarshal(body, &payload) != nil {
		return hookMetadata{}
	}
	return payload.Metadata
}

// complete answers an invocation at its callback URL after the delay, and says in a word how that went.
func (r *receiver) complete(meta hookMetadata) string {
	if meta.CallbackURL == "" || meta.Secret == "" {
		return "cannot be completed: its body has no _metadata with callbackURL and secret; the trigger must be of type REQUEST_RESPONSE, and httpDispatchMode ASYNC or DYNAMIC"
	}
	// Whoever reaches this receiver may name any URL, so that only one is called that completes invocations.
	u, err := url.Parse(meta.CallbackURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !strings.Contains(u.Path, "/trigger-invocations/") || !strings.HasSuffix(u.Path, "/complete") {
		return "is not completed: its callbackURL is none of …/trigger-invocations/…/complete"
	}
	if err := sleep(r.ctx, r.play.delay); err != nil {
		return "is not completed: the receiver ends before its delay"
	}
	body, err := json.Marshal(struct {
		Secret string          `json:"secret"`
		Output json.RawMessage `json:"output"`
	}{meta.Secret, r.play.output})
	if err != nil {
		return "is not completed: " + err.Error()
	}
	req, err := http.NewRequestWithContext(r.ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return "is not completed: its callbackURL cannot be requested"
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		if cause := errors.Unwrap(err); cause != nil { // without the URL
			err = cause
		}
		return fmt.Sprintf("is not completed: %s does not answer: %v", u.Host, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return fmt.Sprintf("is completed: %s answered %d", u.Host, resp.StatusCode)
	}
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 2<<10)) // what is there of it
	return fmt.Sprintf("is not completed: %s answered %d: %s", u.Host, resp.StatusCode, strings.ReplaceAll(strings.TrimSpace(string(said)), meta.Secret, masked))
}
