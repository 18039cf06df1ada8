package connectors

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"sluice/internal/strict"
)

// Leases say how processes on one database share the limits that count by connection or by a credential of Sluice's own. All of them
// must say the same.
type Leases struct {
	Share   float64       // of each limit, for this process while the database cannot be reached; 0 = then nothing goes
	TTL     time.Duration // how long places may be used without a word from the database
	Transit time.Duration // how long after its sending a call may still reach the vendor
}

type leasesEntry struct {
	Share   float64       `yaml:"share" jsonschema:"minimum=0,maximum=1" jsonschema_description:"Part of each limit that this process may use while the database cannot be reached: 1 / processes at most. Left out: then nothing goes."`
	TTL     time.Duration `yaml:"ttl" jsonschema:"minimum=1s,maximum=1m,default=5s" jsonschema_description:"How long leased places may be used without a word from the database."`
	Transit time.Duration `yaml:"transit" jsonschema:"minimum=1ms,maximum=1m,default=5s" jsonschema_description:"How long after its sending a call may still reach the vendor."`
}

// databaseURL is where the database is: a reference to a secret, or a URL that holds none.
type databaseURL struct {
	strict.Secret `yaml:"-"`
}

// errDatabaseURL names no part of what it is about, which may be a password.
var errDatabaseURL = errors.New("must be a PostgreSQL URL such as postgres://sluice@db.example:5432/sluice, with special characters of the password as %XX")

// UnmarshalStrict implements strict.Unmarshaler. A value that is no URL is read as a reference, whose faults repeat nothing of it.
func (d *databaseURL) UnmarshalStrict(n *strict.Node) strict.Faults {
	if text := n.Text(); strings.Contains(text, "://") && !strings.HasPrefix(text, "${") {
		d.Secret = strict.NewSecret(text, text)
		if holdsPassword(text) {
			return strict.Faults{n.Faultf("holds a password, which does not belong in the file: write the whole URL as a reference such as ${env:NAME} or ${file:/run/secrets/name}")}
		}
	} else if faults := d.Secret.UnmarshalStrict(n); len(faults) > 0 {
		return faults
	}
	if err := checkDatabaseURL(d.Reveal()); err != nil {
		return strict.Faults{n.Faultf("%v", err)}
	}
	return nil
}

// JSONSchema implements what strict.Schema looks for.
func (databaseURL) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		Type: "string", Pattern: `^(\$\{(env|file):[^}]+\}|postgres(ql)?://.*)$`, Examples: []any{"${env:DATABASE_URL}", "postgres://sluice@db.example:5432/sluice"},
	}
}

// holdsPassword tells whether text would be a secret in a file, also where it is no URL that can be read.
func holdsPassword(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return strings.Contains(text, "@")
	}
	_, has := u.User.Password()
	for key := range u.Query() {
		has = has || strings.Contains(strings.ToLower(key), "password")
	}
	return has
}

func checkDatabaseURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return errDatabaseURL
	}
	return nil
}

// callbackURL is how receivers reach this Sluice; "": it is left out. Its faults repeat nothing of it, which may be a password.
type callbackURL string

// UnmarshalStrict implements strict.Unmarshaler.
func (c *callbackURL) UnmarshalStrict(n *strict.Node) strict.Faults {
	var text string
	if faults := n.DecodeInto(&text); faults != nil || text == "" {
		return faults
	}
	*c = callbackURL(text)
	switch u, err := url.Parse(text); {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.Contains(text, " "):
		return strict.Faults{n.Faultf("is no URL: write it as https://host/path")}
	case u.User != nil:
		return strict.Faults{n.Faultf("must not hold a user name or password: every receiver is shown it")}
	case strings.ContainsAny(text, "?#"):
		return strict.Faults{n.Faultf("must not have a query or a fragment: paths are added to it")}
	}
	return nil
}

// JSONSchema implements what strict.Schema looks for.
func (callbackURL) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^(https?://[^/?#@ ]+(/[^?# ]*)?)?$`, Examples: []any{"https://sluice.example"}}
}

// database compiles where the database is and how limits are shared by it. Its defaults are shown only where they mean something.
func (b *setBuild) database() {
	w := b.written
	if w.Database.IsZero() {
		if w.Leases != nil && b.file.doc.Root().Child("database") == nil {
			b.fault("leases", "say how processes share limits by a database, and there is none: name it in database, or leave leases out")
		}
		return
	}
	b.hash.add("database", []byte(w.Database.Reveal()))
	if w.Leases == nil {
		w.Leases = &leasesEntry{TTL: 5 * time.Second, Transit: 5 * time.Second}
	}
	b.set.Database, b.set.Leases = w.Database.Secret, Leases(*w.Leases)
}

// events compiles the API of event triggers. Whether its keys are keys is seen when they are read, because only cmd knows how they look.
func (b *setBuild) events() {
	w := b.written.Triggers
	b.set.Events = Events{
		Seal: w.Seal, Calls: w.Calls, Window: w.Window, Token: w.Token, FireAndForget: w.FireAndForget, RequestResponse: w.RequestResponse,
		URL: string(w.URL), AllowNetworks: w.AllowNetworks, Keep: w.Keep, KeepDead: w.KeepDead, KeepMost: w.KeepMost, KeepEvents: w.KeepEvents, EventBridge: EventBridge(w.EventBridge),
	}
	aws := b.set.Events.EventBridge
	if (aws.AccessKeyID == "") != aws.SecretAccessKey.IsZero() {
		b.fault("triggers.eventbridge", "access_key_id and secret_access_key belong together; give both, or neither for the machine's own credentials")
	}
	if aws.Endpoint != "" && aws.AccessKeyID == "" {
		b.fault("triggers.eventbridge.endpoint", "the machine's own credentials are shown to AWS alone; give access_key_id and secret_access_key beside another endpoint")
	}
	if !aws.SecretAccessKey.IsZero() {
		b.hash.add("triggers.eventbridge.secret_access_key", []byte(aws.SecretAccessKey.Reveal()))
	}
	if !b.set.Events.Seal.IsZero() {
		b.hash.add("triggers.seal", []byte(b.set.Events.Seal.Reveal()))
	}
}
