package proxy

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sluice/configs"
	"sluice/connectors"
	"sluice/internal/fault"
)

// TestWrittenTellsWhatMayHaveChanged: the writes of the shipped connector, by what the vendor answered.
func TestWrittenTellsWhatMayHaveChanged(t *testing.T) {
	t.Parallel()
	set, faults := connectors.Load(configs.FS, connectors.Environment{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	const person = "/api/people/a5be8bb6-3a44-4a31-9b1e-0c1f1c1f0a01"
	for name, tt := range map[string]struct {
		method, path string
		status       int
		err          error
		want         string
	}{
		"a PATCH":              {http.MethodPatch, person, 200, nil, "people a5be8bb6-3a44-4a31-9b1e-0c1f1c1f0a01"},
		"a deactivation":       {http.MethodPut, person + "/isactive?status=false", 204, nil, "people a5be8bb6-3a44-4a31-9b1e-0c1f1c1f0a01"},
		"a refused one":        {http.MethodPatch, person, 422, nil, ""},
		"one that failed":      {http.MethodPatch, person, 500, nil, "people a5be8bb6-3a44-4a31-9b1e-0c1f1c1f0a01"},
		"a broken answer":      {http.MethodPatch, person, 0, errors.New("reset"), "people a5be8bb6-3a44-4a31-9b1e-0c1f1c1f0a01"},
		"one that was not out": {http.MethodPatch, person, 0, fault.New("pace", 429, "rate_limited", "later"), ""},
		"a read":               {http.MethodGet, person, 200, nil, ""},
		"a search":             {http.MethodPost, "/api/people/search", 200, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig := newStageRig(t)
			rig.conn.Connector = set.Connectors["teamdynamix"]
			var told []string
			rig.ups.opts.Written = func(connection string, changed []connectors.Write) {
				for _, w := range changed {
					told = append(told, w.Resource.Name+" "+w.Key)
				}
			}
			stage := rig.ups.written(rig.conn)(roundTrip(func(*http.Request) (*http.Response, error) {
				if tt.err != nil {
					return nil, tt.err
				}
				return &http.Response{StatusCode: tt.status, Body: io.NopCloser(strings.NewReader(""))}, nil
			}))
			r, _ := rig.request(t, tt.method, "https://vendor.example"+tt.path, nil)
			resp, err := stage.RoundTrip(r)
			if (err == nil) != (tt.err == nil) || err == nil && resp.StatusCode != tt.status {
				t.Errorf("got %v and %v, want what the vendor said", resp, err)
			}
			if got := strings.Join(slices.Compact(told), ", "); got != tt.want {
				t.Errorf("told: got %q, want %q", got, tt.want)
			}
		})
	}
}
