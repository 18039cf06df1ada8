package send_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"sluice/triggers"
	"sluice/triggers/send"
)

// BenchmarkHTTP is one signed event to a receiver on this machine, whose own work is in the figure.
func BenchmarkHTTP(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { drain(r) }))
	defer server.Close()
	s := send.New(send.Options{Allow: loopback})
	defer s.Close()
	sub := subscriber(server.URL)
	sub.Sluice.Signing = []triggers.SigningSecret{{ID: "new", Secret: ptr(newSecret)}, {ID: "old", Secret: ptr(oldSecret)}}
	d := deliver(sub, "i")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Send(b.Context(), d); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
