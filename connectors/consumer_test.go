package connectors_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"sluice/connectors"
)

func TestNewKey(t *testing.T) {
	t.Parallel()
	key, hash := connectors.NewKey()
	if !regexp.MustCompile(`^slk_[A-Za-z0-9_-]{43}$`).MatchString(key) {
		t.Errorf("key: got %d characters starting %q, want slk_ and 43 of base64url", len(key), key[:4])
	}
	sum := sha256.Sum256([]byte(key))
	if want := "sha256:" + hex.EncodeToString(sum[:]); hash != want {
		t.Errorf("hash: got %s, want %s", hash, want)
	}
	if again, _ := connectors.NewKey(); again == key {
		t.Error("two keys are equal")
	}
}

func TestConsumer(t *testing.T) {
	t.Parallel()
	iga, igaHash := connectors.NewKey()
	hr, hrHash := connectors.NewKey()
	stranger, _ := connectors.NewKey()
	set := load(t, oneMain+fmt.Sprintf(`consumers:
  iga: {keys: [%q], view: raw}
  hr: {keys: [%q], networks: [10.20.0.0/16, "2001:db8::/32"]}
  campus: {networks: [10.0.0.0/8]}
  lab: {networks: [10.7.0.0/16]}
`, igaHash, hrHash), plainAcme)
	for _, c := range []struct {
		name, key, from, want string
		err                   error
	}{
		{"key", iga, "192.0.2.1", "iga", nil},
		{"key goes before network", iga, "10.7.0.1", "iga", nil},
		{"key and network", hr, "10.20.1.1", "hr", nil},
		{"IPv4 in IPv6", hr, "::ffff:10.20.1.1", "hr", nil},
		{"second network", hr, "2001:db8::1", "hr", nil},
		{"zone", hr, "2001:db8::1%eth0", "hr", nil},
		{"key from elsewhere", hr, "10.21.1.1", "", connectors.ErrNetwork},
		{"unknown key", stranger, "10.20.1.1", "", connectors.ErrKeyUnknown},
		{"hash for a key", igaHash, "10.20.1.1", "", connectors.ErrKeyUnknown},
		{"network alone", "", "10.9.0.1", "campus", nil},
		{"narrower network", "", "10.7.0.1", "lab", nil},
		{"no key", "", "192.0.2.1", "", connectors.ErrKeyMissing},
	} {
		got, err := set.Consumer(c.key, netip.MustParseAddr(c.from))
		name := ""
		if got != nil {
			name = got.Name
		}
		if name != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: got %q, %v; want %q, %v", c.name, name, err, c.want, c.err)
		}
	}
	if set.Anonymous != nil {
		t.Error("there are consumers, but who shows no key is let in")
	}
}

func TestAnonymous(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:8080", "localhost:8080", "'[::1]:8080'", "127.8.8.8:0"} {
		set := load(t, oneMain+"listeners: {main: {address: "+address+"}}\n", plainAcme)
		got, err := set.Consumer("", netip.MustParseAddr("127.0.0.1"))
		if err != nil || got.View.Name != "sailpoint" || !got.ChooseView || !got.Allows("a", "DELETE") {
			t.Errorf("%s: got %+v, %v; want everything, with view sailpoint", address, got, err)
		}
	}
	for _, address := range []string{"':8080'", "0.0.0.0:8080", "'[::]:8080'", "10.0.0.5:8080", "sluice.example:8080"} {
		_, faults := connectors.Load(files(map[string]string{
			"sluice.yaml": "listeners: {main: {address: " + address + "}}\n",
		}), hermetic())
		if len(faults) != 1 || !strings.Contains(faults.Error(), "sluice keys create NAME") {
			t.Errorf("%s without a consumer: got %v, want a refusal that says what to do", address, faults)
		}
	}
}

func TestAllows(t *testing.T) {
	t.Parallel()
	set := load(t, `
connections: {a: {connector: acme, base_url: https://a.example}, b: {connector: acme, base_url: https://b.example}}
consumers:
  all: {networks: [10.0.0.0/8]}
  some: {networks: [10.1.0.0/16], connections: [a], methods: [GET, HEAD]}
`, plainAcme)
	for _, c := range []struct {
		consumer, connection, method string
		want                         bool
	}{
		{"all", "a", "DELETE", true}, {"all", "b", "GET", true},
		{"some", "a", "GET", true}, {"some", "a", "HEAD", true}, {"some", "a", "POST", false}, {"some", "b", "GET", false},
	} {
		if got := set.Consumers[c.consumer].Allows(c.connection, c.method); got != c.want {
			t.Errorf("%s: %s on %s: got %v, want %v", c.consumer, c.method, c.connection, got, c.want)
		}
	}
}

func TestHoldOfConsumer(t *testing.T) {
	t.Parallel()
	set := load(t, oneMain+"consumers: {iga: {networks: [10.0.0.0/8], max_hold: 50s}}\n", plainAcme)
	if got, want := set.Consumers["iga"].MaxHold.String(), "50s"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
