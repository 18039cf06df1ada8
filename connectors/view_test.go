package connectors_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/connectors"
	"sluice/transforms"
)

func TestViews(t *testing.T) {
	t.Parallel()
	views := load(t, emptyMain+`
views:
  okta: {limit_header: x-rate-limit-limit, remaining_header: X-Rate-Limit-Remaining, reset_header: X-Rate-Limit-Reset, keep_original: false}
  slow: {like: okta, retry_after_min: 5s, retry_after_max: 0s, errors: problem, token: vendor}
  bare: {like: raw}
  dated: {like: raw, reset_header: X-Reset, reset_format: imf}
`, plainAcme).Views
	sailpoint := transforms.Faces["sailpoint"]
	okta := sailpoint
	okta.LimitHeader, okta.RemainingHeader, okta.ResetHeader, okta.KeepOriginal = "X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset", false
	slow := okta
	slow.RetryAfterMin, slow.RetryAfterMax = 5*time.Second, 0
	for _, want := range []connectors.View{
		{Name: "sailpoint", Face: sailpoint, Token: "json", Errors: "json"},
		{Name: "seconds", Face: transforms.Faces["seconds"], Token: "vendor", Errors: "json"},
		{Name: "http-date", Face: transforms.Faces["http_date"], Token: "vendor", Errors: "json"},
		{Name: "ietf", Face: transforms.Faces["ietf"], Token: "vendor", Errors: "problem"},
		{Name: "raw", Raw: true, Token: "vendor", Errors: "json"},
		{Name: "okta", Face: okta, Token: "json", Errors: "json"},
		{Name: "slow", Face: slow, Token: "vendor", Errors: "problem"},
		{Name: "bare", Raw: true, Token: "vendor", Errors: "json"},
		{Name: "dated", Face: transforms.Face{ResetHeader: "X-Reset", ResetFormat: transforms.IMF}, Token: "vendor", Errors: "json"},
	} {
		if diff := cmp.Diff(&want, views[want.Name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.Name, diff)
		}
	}
}
