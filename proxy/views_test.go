package proxy_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/mocks/teamdynamix"
)

// reader is a small client as they exist: it calls until the header that it knows says that nothing is left, and gives up on a 429.
type reader struct {
	name string
	view string
	wait func(h http.Header) (time.Duration, error) // how long to wait after an answer
}

// readers know one header each. They were written from what such clients read, not from what Sluice writes.
var readers = []reader{
	{"reads Unix resets", "sailpoint", func(h http.Header) (time.Duration, error) {
		left, err := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
		if err != nil {
			return 0, fmt.Errorf("X-RateLimit-Remaining: %w", err)
		}
		reset, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("X-RateLimit-Reset: %w", err)
		}
		if reset < 1_000_000_000 {
			return 0, fmt.Errorf("X-RateLimit-Reset %d is no Unix time", reset)
		}
		if left > 0 {
			return 0, nil
		}
		return time.Until(time.Unix(reset, 0)), nil
	}},
	{"reads IMF dates", "http-date", func(h http.Header) (time.Duration, error) {
		reset, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", h.Get("X-RateLimit-Reset"))
		if err != nil {
			return 0, fmt.Errorf("X-RateLimit-Reset: %w", err)
		}
		if h.Get("X-RateLimit-Remaining") != "0" {
			return 0, nil
		}
		return time.Until(reset), nil
	}},
	{"reads nothing but Retry-After", "seconds", func(h http.Header) (time.Duration, error) {
		text := h.Get("Retry-After")
		if text == "" {
			return 0, nil
		}
		seconds, err := strconv.Atoi(text)
		if err != nil {
			return 0, fmt.Errorf("Retry-After: %w", err)
		}
		return time.Duration(seconds) * time.Second, nil
	}},
}

// TestUnmodifiedClients is bar 2 of the request road: each kind of client finishes 300 person reads without a 429, under its own view.
func TestUnmodifiedClients(t *testing.T) {
	t.Parallel()
	for _, r := range readers {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			vendor := teamdynamix.New(teamdynamix.Options{People: 20, WindowScale: 1.0 / 30}) // 60 calls in 2 s
			base := serve(t, vendor)
			h := open(t, load(t, atVendor(base, "    limits:\n      \"GET /api/people/{uid}\": {window: 2s}\n"), nil))
			token := signIn(t, vendor, base)
			uids := peopleOf(t, base, token)
			const reads = 300
			var workers sync.WaitGroup
			for worker := range 4 {
				workers.Go(func() {
					c := client(t)
					for i := worker; i < reads; i += 4 {
						if err := r.read(t.Context(), c, h.url+"/@"+r.view+"/tdx/api/people/"+uids[i%len(uids)], token); err != nil {
							t.Errorf("read %d: %v", i, err)
							return
						}
					}
				})
			}
			workers.Wait()
			stats := vendor.Stats()
			if stats.Limited != 0 {
				t.Errorf("the vendor refused %d calls, want 0", stats.Limited)
			}
			if got := stats.Routes["GET /api/people/{uid}"].Calls; got != reads {
				t.Errorf("the vendor answered %d person reads, want %d", got, reads)
			}
		})
	}
}

func (r reader) read(ctx context.Context, c *http.Client, url, token string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answer %d: %s", resp.StatusCode, body)
	}
	wait, err := r.wait(resp.Header)
	if err != nil {
		return err
	}
	time.Sleep(min(wait, 5*time.Second)) //nolint:forbidigo // the client under test waits as it was told
	return nil
}

// signIn gets a bare token from the vendor itself.
func signIn(t *testing.T, vendor *teamdynamix.Vendor, base string) string {
	t.Helper()
	o := vendor.Options()
	body := fmt.Sprintf(`{"BEID":%q,"WebServicesKey":%q}`, o.BEID, o.WebServicesKey)
	resp, err := http.Post(base+"/TDWebApi/api/auth/loginadmin", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	token, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("sign-in: %d %s %v", resp.StatusCode, token, err)
	}
	return string(token)
}
