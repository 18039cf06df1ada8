package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/mocks/teamdynamix"
)

// runMock starts `sluice mock teamdynamix` on a free port and returns its tenant; it is stopped with the test.
func runMock(t *testing.T, args ...string) tenant {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	read, write := io.Pipe()
	done := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		done <- run(ctx, append([]string{"mock", "teamdynamix", "--listen", "127.0.0.1:0", "-o", "json"}, args...), nil, nil, write, &stderr)
		_ = write.Close()
	}()
	t.Cleanup(func() {
		stop()
		if code := <-done; code != exitOK {
			t.Errorf("mock: got exit code %d, want %d; %s", code, exitOK, &stderr)
		}
	})
	var who tenant
	if err := json.NewDecoder(read).Decode(&who); err != nil {
		t.Fatalf("mock: read the tenant: %v; %s", err, &stderr)
	}
	go func() { _, _ = io.Copy(io.Discard, read) }()
	return who
}

func TestMockPlays(t *testing.T) {
	t.Parallel()
	who := runMock(t, "--people", "31", "--window-scale", "0.5", "--seed", "7", "--competitor", "0.5", "--rate", "POST /api/people/search=4/60s")
	if who.People != 31 || !strings.HasSuffix(who.Production, "/TDWebApi") || !strings.HasSuffix(who.Sandbox, "/SBTDWebApi") {
		t.Errorf("tenant: got %+v, want 31 people, /TDWebApi and /SBTDWebApi", who)
	}
	connector := &demoConnector{base: who.Production, client: newDemoClient(1), window: time.Minute}
	answer, mapped, err := connector.signIn(t.Context(), who.BEID, who.WebServicesKey)
	if err != nil || mapped {
		t.Fatalf("sign in with the printed credential: got mapped %t, error %v, want a bare token", mapped, err)
	}
	reset, err := http.ParseTime(answer.Header.Get("X-RateLimit-Reset"))
	if wait := time.Until(reset); err != nil || wait < 20*time.Second || wait > 31*time.Second {
		t.Errorf("--window-scale 0.5: got a window of %s (%v), want about 30 s", wait, err)
	}
	search, err := connector.call(t.Context(), http.MethodPost, "/api/people/search", []byte(`{"MaxResults":1}`))
	if err != nil {
		t.Fatalf("search: %v", err)
	}
	if got := search.Header.Get("X-RateLimit-Limit"); got != "4" {
		t.Errorf("--rate: got a limit of %q, want 4", got)
	}
	// 60 in a window, of which the competitor takes its first at once.
	if got := answer.Header.Get("X-RateLimit-Remaining"); got != "58" {
		t.Errorf("--competitor 0.5: got %q remaining after the first call, want 58", got)
	}
}

func TestMockKnobs(t *testing.T) {
	t.Parallel()
	who := runMock(t, "--error-rate", "1", "--skew", "-1h")
	connector := &demoConnector{base: who.Production, client: newDemoClient(1), window: time.Minute}
	answer, err := connector.call(t.Context(), http.MethodGet, "/api/accounts", nil)
	if err != nil || answer.Status != http.StatusInternalServerError {
		t.Errorf("--error-rate 1: got status %d, %v, want 500", answer.Status, err)
	}
	date, err := http.ParseTime(answer.Header.Get("Date"))
	if behind := time.Since(date); err != nil || behind < 59*time.Minute || behind > 61*time.Minute {
		t.Errorf("--skew -1h: got a clock %s behind (%v), want an hour", behind, err)
	}
}

func TestMockPrintsForPeople(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := teamdynamix.New(teamdynamix.Options{Seed: 3}).Options()
	if err := printTenant(&out, asText, "http://127.0.0.1:8090", o); err != nil {
		t.Fatalf("print the tenant: %v", err)
	}
	for _, want := range []string{
		"TeamDynamix, played with 250 people", "http://127.0.0.1:8090/TDWebApi\n", "http://127.0.0.1:8090/SBTDWebApi\n",
		"BEID            " + o.BEID, "iga / iga-password", "curl -s http://127.0.0.1:8090/TDWebApi/api/auth/loginadmin",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got no %q in\n%s", want, &out)
		}
	}
}

func TestMockRefuses(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"can be reached by other machines: listen on 127.0.0.1, or say --expose": {"--listen", "0.0.0.0:0"},
		"--listen :8090 can be reached":                                          {"--listen", ":8090"},
		"must be host:port":                                                      {"--listen", "8090"},
		"--competitor is 2, must be a share":                                     {"--competitor", "2"},
		"--error-rate is -0.1, must be a share":                                  {"--error-rate", "-0.1"},
		"--window-scale is 0, must be greater than 0":                            {"--window-scale", "0"},
		"--people is 0, must be at least 1":                                      {"--people", "0"},
		"--login must be USER:PASSWORD":                                          {"--login", "ann"},
		"which is no route of TeamDynamix":                                       {"--rate", "GET /api/nothing=1/60s"},
		`--rate is "GET /api/accounts=60", must be like`:                         {"--rate", "GET /api/accounts=60"},
		"must be text or json":                                                   {"-o", "xml"},
	} {
		// A flag that were not refused would play on: the context ends that.
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		var stderr bytes.Buffer
		code := run(ctx, append([]string{"mock", "teamdynamix"}, args...), nil, nil, io.Discard, &stderr)
		cancel()
		if code != exitUsage || !strings.Contains(stderr.String(), want) {
			t.Errorf("mock teamdynamix %q: got exit code %d and %q, want %d and %q", args, code, &stderr, exitUsage, want)
		}
	}
}

func TestMockExposes(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "localhost:1": true, "0.0.0.0:1": false, "[::]:1": false, ":1": false, "vendor.example:1": false} {
		if got := checkExposure(listen, false) == nil; got != want {
			t.Errorf("checkExposure(%s): got permitted %t, want %t", listen, got, want)
		}
		if err := checkExposure(listen, true); err != nil {
			t.Errorf("checkExposure(%s) with --expose: got %v, want no error", listen, err)
		}
	}
}

func TestMockAddressTaken(t *testing.T) {
	t.Parallel()
	who := runMock(t)
	address := strings.TrimSuffix(strings.TrimPrefix(who.Production, "http://"), "/TDWebApi")
	var stderr bytes.Buffer
	code := run(t.Context(), []string{"mock", "teamdynamix", "--listen", address}, nil, nil, io.Discard, &stderr)
	if code != exitBlocked || !strings.Contains(stderr.String(), address) {
		t.Errorf("a taken address: got exit code %d and %q, want %d and the address", code, &stderr, exitBlocked)
	}
}

// FuzzParseRate: what is read is a route of the vendor and writes itself the same way again.
func FuzzParseRate(f *testing.F) {
	f.Add("POST /api/people/search=5/60s")
	f.Add("GET /api/people/{uid}=0/1m30s")
	f.Add("GET /api/accounts=60/-1s")
	f.Fuzz(func(t *testing.T, text string) {
		route, rate, err := parseRate(text)
		if err != nil {
			return
		}
		if rate.Calls < 0 || rate.Window <= 0 {
			t.Errorf("parseRate(%q): got %+v, want calls and a window", text, rate)
		}
		again, same, err := parseRate(fmt.Sprintf("%s=%d/%s", route, rate.Calls, rate.Window))
		if err != nil || again != route || same != rate {
			t.Errorf("parseRate of what it read from %q: got %s %+v, %v, want %s %+v", text, again, same, err, route, rate)
		}
	})
}
