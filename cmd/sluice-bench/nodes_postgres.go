package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"
)

// localServer is the PostgreSQL of a developer's machine; TEST_POSTGRES names another one.
const localServer = "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable"

// benchDatabase is an empty database of a name of its own.
type benchDatabase struct {
	server *url.URL
	name   string
}

func makeDatabase(ctx context.Context) (*benchDatabase, error) {
	server, err := url.Parse(cmp.Or(os.Getenv("TEST_POSTGRES"), localServer))
	if err != nil || server.Hostname() == "" {
		return nil, errors.New("TEST_POSTGRES is no URL with a host, such as postgres://postgres@127.0.0.1:5432/postgres")
	}
	d := &benchDatabase{server: server, name: "sluice_bench_" + strings.ToLower(rand.Text())}
	if err := d.administer(ctx, "CREATE DATABASE "+d.name+" TEMPLATE template0 ENCODING 'UTF8'"); err != nil {
		return nil, err
	}
	return d, nil
}

// drop removes the database, also after ctx has ended.
func (d *benchDatabase) drop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return d.administer(ctx, "DROP DATABASE "+d.name+" WITH (FORCE)")
}

// administer runs one statement on the server. What signs in goes by the environment, which others on the machine cannot read.
func (d *benchDatabase) administer(ctx context.Context, statement string) error {
	cmd := exec.CommandContext(ctx, "psql", "--no-psqlrc", "--quiet", "--no-password", "--command", statement)
	password, _ := d.server.User.Password()
	cmd.Env = append(os.Environ(), "PGHOST="+d.server.Hostname(), "PGPORT="+d.port(), "PGUSER="+d.server.User.Username(),
		"PGPASSWORD="+password, "PGDATABASE="+strings.TrimPrefix(d.server.Path, "/"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("PostgreSQL at %s: %w: %s; start one, or name one in TEST_POSTGRES", d.server.Host, err, strings.TrimSpace(string(out)))
	}
	return nil
}

func (d *benchDatabase) port() string { return cmp.Or(d.server.Port(), "5432") }

// through is the database's URL by another address.
func (d *benchDatabase) through(addr string) string {
	at := *d.server
	at.Host, at.Path = addr, "/"+d.name
	return at.String()
}
