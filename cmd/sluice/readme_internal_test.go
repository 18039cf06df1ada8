package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sluice/mocks/teamdynamix"
	"sluice/store/storetest"
)

// TestReadmeShowsTheDemo: what README.md prints of the demo is what the demo prints, but for figures, ports and ids.
func TestReadmeShowsTheDemo(t *testing.T) {
	t.Parallel()
	shown := ""
	for _, one := range examples("README.md", pages(t)["README.md"], "text") {
		if one.name == "demo" {
			shown = one.text
		}
	}
	if strings.Count(shown, "\n") < 20 {
		t.Fatalf("got %q as the demo's output in README.md, want more of it", shown)
	}
	code, out, _ := runDemo(t)
	if code != exitOK {
		t.Fatalf("demo: got exit code %d, want %d\n%s", code, exitOK, out)
	}
	rest := shape(out)
	for line := range strings.Lines(shown) {
		line = strings.TrimSpace(line)
		if line == "" || line == "…" {
			continue
		}
		_, after, found := strings.Cut(rest, shape(line)+"\n")
		if !found {
			t.Errorf("README.md shows %q; got no such line, or not there, in\n%s", line, out)
			continue
		}
		rest = after
	}
}

var (
	anyDay    = regexp.MustCompile(`\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} `)
	anyID     = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)
	anyNumber = regexp.MustCompile(`\d+`)
	anyBlank  = regexp.MustCompile(`[ \t]+`)
)

// shape is text without what differs from run to run.
func shape(text string) string {
	text = anyDay.ReplaceAllString(text, "DAY ")
	text = anyID.ReplaceAllString(text, "ID")
	text = anyNumber.ReplaceAllString(text, "N")
	return strings.ReplaceAll(anyBlank.ReplaceAllString(text, " "), "\n ", "\n")
}

func TestShapeKeepsWords(t *testing.T) {
	t.Parallel()
	if got, want := shape("  refused with 429     8   none\n  Sun, 22 Nov 2026 x"), " refused with N N none\nDAY N x"; got != want {
		t.Errorf("shape: got %q, want %q", got, want)
	}
	if a, b := shape("refused with 429 8 none"), shape("refused with 429 8 9"); a == b {
		t.Errorf("shape of different outputs: got %q for both", a)
	}
}

// guided is the running app of README.md's second configuration, at a played vendor, on a free port.
func guided(t *testing.T) (r *rig, base, key string) {
	t.Helper()
	all := examples("README.md", pages(t)["README.md"], "yaml")
	if len(all) != 3 {
		t.Fatalf("got %d configurations in README.md, want 3", len(all))
	}
	var made newKey
	out := runOut(t, "keys", "create", "sailpoint", "-o", "json")
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatalf("keys create: %v in %q", err, out)
	}
	text := all[1].text
	for old, new := range map[string]string{
		"0.0.0.0:8443": "127.0.0.1:0",
		"base_url: https://acme.teamdynamix.com/TDWebApi":                         "base_url: VENDOR\n    allow_networks: [127.0.0.0/8]",
		"sha256:d6eddfc5b7d0921847ceebf498105ec07698882bd26cc1cb0e810576c1032cc1": made.Hash,
		"10.20.0.0/16":     "127.0.0.0/8",
		"tls/":             "",
		"view: sailpoint":  "view: sailpoint\n    max_hold: 1ms", // what the guide says of waiting, without the wait
		"      # optional": "  # optional",
	} {
		if !strings.Contains(text, old) {
			t.Errorf("README.md's second configuration: got no %q in it", old)
		}
		text = strings.ReplaceAll(text, old, new)
	}
	r = newRig(t, "admin: {address: \"127.0.0.1:0\"}\n"+text, teamdynamix.Options{Seed: 3, People: 90})
	authority := newAuthority(t, "guide")
	r.install(authority.issue("guide"))
	r.client.Transport.(*http.Transport).TLSClientConfig = authority.client()
	r.start()
	return r, "https://" + r.app.Address("main") + "/tdx", made.Key
}

// TestReadmeGuide goes the way of the five-minute guide: sign in as the Custom Authentication operation does, map access_token, read
// people with it until the vendor's limit is spent.
func TestReadmeGuide(t *testing.T) {
	t.Parallel()
	r, base, key := guided(t)
	signIn := func() answer {
		return r.ask("POST", base+"/api/auth/loginadmin", r.credential(), "Content-Type", "application/json", "X-Sluice-Key", key)
	}
	var token struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
	}
	first := signIn()
	if err := json.Unmarshal([]byte(first.body), &token); err != nil || token.AccessToken == "" || token.TokenType != "Bearer" || token.ExpiresIn < 86000 {
		t.Fatalf("sign-in: got %d %q, %v, want access_token, token_type and expires_in", first.status, first.body, err)
	}
	second := signIn()
	if got := second.header.Get("X-Sluice-Stage"); got != "signin" || r.vendor.Stats().Tokens != 1 {
		t.Errorf("a second sign-in: got an answer of %q and %d tokens of the vendor's, want signin and 1", got, r.vendor.Stats().Tokens)
	}
	if got := r.ask("POST", base+"/api/auth/loginadmin", r.credential(), "Content-Type", "application/json"); got.status != http.StatusUnauthorized {
		t.Errorf("without an access key: got %d, want 401", got.status)
	}

	path := r.person(token.AccessToken)
	read := func() answer {
		return r.ask("GET", base+path, "", "Authorization", "Bearer "+token.AccessToken, "X-Sluice-Key", key)
	}
	person := read()
	direct := r.ask("GET", r.base+path, "", "Authorization", "Bearer "+token.AccessToken)
	if person.status != http.StatusOK || person.body != direct.body {
		t.Errorf("a person: got %d with a body of %d bytes, want 200 and the vendor's %d bytes untouched", person.status, len(person.body), len(direct.body))
	}
	if _, err := strconv.ParseInt(person.header.Get("X-RateLimit-Reset"), 10, 64); err != nil {
		t.Errorf("X-RateLimit-Reset: got %q, want Unix seconds", person.header.Get("X-RateLimit-Reset"))
	}
	if _, err := http.ParseTime(person.header.Get("X-Upstream-RateLimit-Reset")); err != nil {
		t.Errorf("X-Upstream-RateLimit-Reset: got %q, want the vendor's date", person.header.Get("X-Upstream-RateLimit-Reset"))
	}
	r.refused(read)
}

// refused reads until Sluice itself says 429, which it must before the vendor does, and looks at its Retry-After.
func (r *rig) refused(read func() answer) {
	r.t.Helper()
	for range 61 {
		got := read()
		if got.status == http.StatusOK {
			continue
		}
		wait, err := strconv.Atoi(got.header.Get("Retry-After"))
		if got.status != http.StatusTooManyRequests || err != nil || wait < 1 || wait > 180 {
			r.t.Errorf("past the limit: got %d with Retry-After %q, want 429 with 1 to 180", got.status, got.header.Get("Retry-After"))
		}
		if got.header.Get("X-Sluice-Stage") != "pace" || r.vendor.Stats().Limited != 0 {
			r.t.Errorf("past the limit: got an answer of %q and %d refusals by the vendor, want pace and none",
				got.header.Get("X-Sluice-Stage"), r.vendor.Stats().Limited)
		}
		return
	}
	r.t.Error("61 reads in a window of 60: got no 429, want one")
}

// TestReadmeRefusesOpenDoor: an address that others can reach needs a consumer.
func TestReadmeRefusesOpenDoor(t *testing.T) {
	t.Parallel()
	one := examples("README.md", pages(t)["README.md"], "yaml")[1]
	before, _, found := strings.Cut(one.text, "consumers:")
	if !found {
		t.Fatalf("%s: got no consumers in it", one.where)
	}
	one.text = before
	if code, out := checkExample(t, one); code != exitUnwell || !strings.Contains(out, "no consumer is configured") {
		t.Errorf("0.0.0.0 without consumers: got exit code %d and %q, want %d and why", code, out, exitUnwell)
	}
}

// TestReadmeNamesWhatItMaps: the guide's table has the operation's parts in the connector's own words.
func TestReadmeNamesWhatItMaps(t *testing.T) {
	t.Parallel()
	readme := pages(t)["README.md"]
	for _, want := range []string{"`accesstoken` ← `access_token`", "`Authorization: Bearer $application.accesstoken$`", "/tdx/api/auth/loginadmin", "`X-Sluice-Key: slk_…`", "make demo\nmake test"} {
		if !strings.Contains(readme, want) {
			t.Errorf("README.md: got no %q", want)
		}
	}
}

// runOut runs a command that must succeed and returns what it prints.
func runOut(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr strings.Builder
	if code := run(t.Context(), args, nil, nil, &stdout, &stderr); code != exitOK {
		t.Fatalf("sluice %s: got exit code %d, want %d; %s", fmt.Sprint(args), code, exitOK, &stderr)
	}
	return stdout.String()
}

// TestReadmeAggregates runs the commands by which README.md reads an organization, as printed but for the folders.
func TestReadmeAggregates(t *testing.T) {
	t.Parallel()
	readme := pages(t)["README.md"]
	b := newAggregateBench(t, storetest.SQLite(t), 80, "")
	text := strings.ReplaceAll(examples("README.md", readme, "yaml")[2].text, "base_url: https://acme.teamdynamix.com/TDWebApi",
		"base_url: "+b.base+"\n    allow_networks: [127.0.0.0/8]\n"+shortLimits(t))
	text = strings.NewReplacer("${env:TDX_BEID}", "${env:BEID}", "${env:TDX_KEY}", "${env:KEY}", ":8080", ":0").Replace(text)
	if err := os.WriteFile(filepath.Join(b.folder, "sluice.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	wants := map[string]string{"--dry-run": "55,000 people", "run tdx --config": "tdx people: completed", "verify": "0 different"}
	for _, line := range strings.Split(readme, "\n") {
		args, ours := strings.CutPrefix(line, "sluice aggregate ")
		if !ours {
			continue
		}
		args, _, _ = strings.Cut(args, " --data")
		for part, want := range wants {
			if strings.Contains(args, part) {
				b.expect(exitOK, want, strings.Fields(strings.Split(args, " --config")[0])...)
				delete(wants, part)
				break
			}
		}
	}
	if len(wants) > 0 {
		t.Errorf("README.md: got no commands with %v", wants)
	}
}
