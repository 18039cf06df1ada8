package send_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/triggers"
	"sluice/triggers/send"
)

func TestEveryStatus(t *testing.T) {
	t.Parallel()
	url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.URL.Path[1:])
		w.Header().Set("Retry-After", "7")
		if status == http.StatusFound {
			w.Header().Set("Location", "http://169.254.169.254/latest/meta-data/")
		}
		w.WriteHeader(status)
	})
	s := senders(t, send.Options{})
	asked := map[int]bool{413: true, 429: true, 503: true}
	statuses := []int{101, 600, 999}
	for status := 200; status < 600; status++ {
		statuses = append(statuses, status)
	}
	for _, status := range statuses {
		sub := subscriber(url + "/" + strconv.Itoa(status))
		answer, err := s.Send(t.Context(), deliver(sub, "i-"+strconv.Itoa(status)))
		if answer.Status != status {
			t.Errorf("%d: got status %d and %v", status, answer.Status, err)
		}
		if done := status/100 == 2; done != (err == nil) {
			t.Errorf("%d: got error %v, want done = %t", status, err, done)
		}
		if triggers.IsPermanent(err) {
			t.Errorf("%d: got %v, want it to be tried again", status, err)
		}
		want := time.Duration(0)
		if asked[status] {
			want = 7 * time.Second
		}
		if got := triggers.AfterOf(err); got != want {
			t.Errorf("%d: got again after %s, want %s", status, got, want)
		}
		if err != nil && !strings.Contains(err.Error(), "answered "+strconv.Itoa(status)) {
			t.Errorf("%d: got %q, want it to name the status", status, err)
		}
	}
}

// A status of 1xx, but for 101, says that the answer is yet to come: it is not the answer, and what follows is; without anything after it there was none.
func TestInterimStatuses(t *testing.T) {
	t.Parallel()
	url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		drain(r)
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		status, after, _ := strings.Cut(r.URL.Path[1:], "/")
		for again := true; again; again = after == "endless" && err == nil {
			_, _ = buffered.WriteString("HTTP/1.1 " + status + " Interim\r\n\r\n")
			err = buffered.Flush()
		}
		if after == "204" {
			_, _ = buffered.WriteString("HTTP/1.1 204 No Content\r\n\r\n")
			_ = buffered.Flush()
		}
	})
	s := senders(t, send.Options{})
	for status := 100; status < 200; status++ {
		if status == http.StatusSwitchingProtocols {
			continue
		}
		at := url + "/" + strconv.Itoa(status) + "/"
		if answer, err := s.Send(t.Context(), deliver(subscriber(at+"204"), "i")); err != nil || answer.Status != 204 {
			t.Errorf("%d and then 204: got %d and %v, want 204", status, answer.Status, err)
		}
		if answer, err := s.Send(t.Context(), deliver(subscriber(at), "i")); err == nil || triggers.IsPermanent(err) || answer.Status != 0 {
			t.Errorf("%d and then nothing: got %d and %v, want it sent again", status, answer.Status, err)
		}
	}
	if _, err := s.Send(t.Context(), deliver(subscriber(url+"/103/endless"), "i")); err == nil || triggers.IsPermanent(err) {
		t.Errorf("103 without end: got %v, want it sent again", err)
	}
}

func TestWordsOfAStatus(t *testing.T) {
	t.Parallel()
	url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.URL.Path[1:])
		w.Header().Set("Location", "http://user:hunter22@169.254.169.254/latest/meta-data/?token=s3cr3t")
		w.WriteHeader(status)
	})
	s := senders(t, send.Options{})
	for status, want := range map[int]string{
		307: "127.0.0.1 answered 307 Temporary Redirect, which leads elsewhere, and redirects are not followed; change the subscription's URL (it leads to http://169.254.169.254)",
		410: "127.0.0.1 answered 410 Gone, which says that it is gone for good; look at the subscription, and disable it or change its URL",
		401: "127.0.0.1 answered 401 Unauthorized, which says that it does not take the subscription's credentials",
		599: "127.0.0.1 answered 599, which says that it failed",
	} {
		_, err := s.Send(t.Context(), deliver(subscriber(url+"/"+strconv.Itoa(status)), "i"))
		if err == nil || err.Error() != want {
			t.Errorf("%d:\n got %v\nwant %s", status, err, want)
		}
	}
}

func TestRetryAfterForms(t *testing.T) {
	t.Parallel()
	const date = "Sun, 01 Mar 2026 12:00:00 GMT"
	for value, want := range map[string]time.Duration{
		"0": 0, "-5": 0, "3": 3 * time.Second, "1.5": 1500 * time.Millisecond, " 9 ": 9 * time.Second, "NaN": 0, "soon": 0, "": 0,
		"99999999999999999999":          24 * time.Hour,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second, // by the answer's own clock, which is not ours
		"Sun, 01 Mar 2026 11:00:00 GMT": 0,
		"Mon, 01 Mar 2027 12:00:00 GMT": 24 * time.Hour,
	} {
		url := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", date)
			w.Header()["Retry-After"] = []string{value}
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		_, err := senders(t, send.Options{}).Send(t.Context(), deliver(subscriber(url), "i"))
		if got := triggers.AfterOf(err); err == nil || got != want {
			t.Errorf("Retry-After %q: got %v, again after %s; want %s", value, err, got, want)
		}
	}
}
