package proxy_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// rawMessage is a request or an answer as it stood on a wire: start line, header lines in the peer's spelling, body without framing.
type rawMessage struct {
	Start  string
	Header []string // "Name: value", sorted by name and else in order; framing and hop-by-hop headers left out
	Body   []byte
}

// hopByHop are the headers that may differ between a direct call and one through a proxy, framing included.
var hopByHop = []string{"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "content-length"}

// readMessage reads one message off a wire. bodyless says that no body follows whatever the header says.
func readMessage(r *bufio.Reader, bodyless func(start string) bool) (rawMessage, error) {
	var m rawMessage
	var length int64 = -1
	chunked := false
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return m, fmt.Errorf("head: %w", err)
		}
		line = strings.TrimSuffix(line, "\r\n")
		if line == "" {
			break
		}
		if m.Start == "" {
			m.Start = line
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); strings.ToLower(name) {
		case "content-length":
			if length, err = strconv.ParseInt(value, 10, 64); err != nil {
				return m, err
			}
		case "transfer-encoding":
			chunked = true
		}
		// The length that a body would have had is news; the length of one that follows is framing.
		if news := strings.EqualFold(name, "content-length") && bodyless(m.Start); news || !slices.Contains(hopByHop, strings.ToLower(name)) {
			m.Header = append(m.Header, name+": "+value)
		}
	}
	slices.SortStableFunc(m.Header, func(a, b string) int {
		nameA, _, _ := strings.Cut(a, ":")
		nameB, _, _ := strings.Cut(b, ":")
		return strings.Compare(nameA, nameB)
	})
	var err error
	switch {
	case bodyless(m.Start):
	case chunked:
		m.Body, err = io.ReadAll(httputil.NewChunkedReader(r))
		if err == nil {
			_, err = r.ReadString('\n') // the end of an empty trailer section
		}
	case length > 0:
		m.Body = make([]byte, length)
		_, err = io.ReadFull(r, m.Body)
	}
	return m, err
}

// rawVendor answers request n with what its scenario says and records what arrived.
type rawVendor struct {
	mu      sync.Mutex
	arrived map[string]rawMessage // by Case header
	answers map[string][]byte
}

func (v *rawVendor) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	for {
		m, err := readMessage(r, func(string) bool { return false })
		if err != nil {
			return
		}
		id := valueOf(m, "Case")
		v.mu.Lock()
		v.arrived[id] = m
		answer := v.answers[id]
		v.mu.Unlock()
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

func valueOf(m rawMessage, name string) string {
	for _, line := range m.Header {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return value
		}
	}
	return ""
}

// scenario is one randomised request and the vendor's answer to it.
type scenario struct {
	method   string
	target   string
	request  []byte // from the header on
	answer   []byte
	bodyless bool
}

func newScenario(rnd *rand.Rand, id, host string) scenario {
	s := scenario{
		method: pick(rnd, "GET", "GET", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"),
		target: pick(rnd, "/api/people/1", "/a%2Fb//c", "/x/%e2%82%ac", "/p|q", "/~a/b;c=d", "/%41%5a/", "/a+b/%2B", "/api/x%20y") +
			pick(rnd, "", "", "?", "?a=1&a=2", "?q=%20+%2B&empty=&novalue", "?x=%zz", "?u=http://e.example/%3F"),
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "Host: %s\r\nCase: %s\r\nAuthorization: Bearer none\r\n", host, id)
	for range rnd.IntN(6) {
		fmt.Fprintf(&head, "%s: %s\r\n", pick(rnd, "X-Multi", "x-lower-case", "SOAPAction", "Accept", "accept-language", "X_Under", "Cookie", "If-None-Match", "Range"),
			pick(rnd, "one", "two", `"quoted, value"`, "a=b; c=d", "", "ünïcode", "bytes=0-99"))
	}
	if s.method != "GET" && s.method != "HEAD" && rnd.IntN(4) > 0 {
		head.WriteString("Content-Type: application/json\r\n")
		s.request = frame(&head, randomBody(rnd), rnd.IntN(2) == 0)
	} else {
		head.WriteString("\r\n")
		s.request = head.Bytes()
	}
	s.answer, s.bodyless = newAnswer(rnd, s.method)
	return s
}

func newAnswer(rnd *rand.Rand, method string) (answer []byte, bodyless bool) {
	status := []int{200, 200, 200, 200, 201, 204, 206, 302, 304, 400, 401, 404, 418, 500}[rnd.IntN(14)]
	var head bytes.Buffer
	fmt.Fprintf(&head, "HTTP/1.1 %d %s\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n", status, http.StatusText(status))
	if rnd.IntN(2) == 0 {
		head.WriteString("Server: vendor/1\r\n") // at most once, as Content-Type: RFC 9110 has no list of them
	}
	for range rnd.IntN(7) {
		head.WriteString(pick(rnd, "X-RateLimit-Reset: Mon, 02 Sep 2024 08:49:37 GMT", "x-lower: 1", "X-Multi: a", "X-Multi: b", "Set-Cookie: a=1; Path=/",
			"Set-Cookie: b=2", "ETag: \"x\"", "Vary: Accept", "Location: /elsewhere", "WWW-Authenticate: Bearer") + "\r\n")
	}
	body := randomBody(rnd)
	if rnd.IntN(3) == 0 {
		head.WriteString("Content-Type: application/json; charset=utf-8\r\n")
	}
	if rnd.IntN(4) == 0 {
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		_, _ = w.Write(body)
		_ = w.Close()
		body = zipped.Bytes()
		head.WriteString("Content-Encoding: gzip\r\n")
	}
	if status == 204 || status == 304 {
		head.WriteString("\r\n")
		return head.Bytes(), true
	}
	if method == http.MethodHead {
		fmt.Fprintf(&head, "Content-Length: %d\r\n\r\n", len(body))
		return head.Bytes(), true
	}
	return frame(&head, body, rnd.IntN(2) == 0), false
}

// frame ends a head and adds a body, chunked or with its length.
func frame(head *bytes.Buffer, body []byte, chunked bool) []byte {
	if !chunked {
		fmt.Fprintf(head, "Content-Length: %d\r\n\r\n", len(body))
		head.Write(body)
		return head.Bytes()
	}
	head.WriteString("Transfer-Encoding: chunked\r\n\r\n")
	w := httputil.NewChunkedWriter(head)
	_, _ = w.Write(body)
	_ = w.Close()
	head.WriteString("\r\n")
	return head.Bytes()
}

func pick(rnd *rand.Rand, of ...string) string { return of[rnd.IntN(len(of))] }

func randomBody(rnd *rand.Rand) []byte {
	size := rnd.IntN(4 << 10)
	switch rnd.IntN(100) {
	case 0, 1:
		size = rnd.IntN(8<<20) + 1
	case 2, 3, 4, 5:
		size = rnd.IntN(200 << 10)
	case 6, 7, 8, 9:
		size = 0
	}
	body := make([]byte, size)
	for i := 0; i+8 <= size; i += 8 {
		n := rnd.Uint64()
		for j := range 8 {
			body[i+j] = byte(n >> (8 * j))
		}
	}
	return body
}

// TestRawIsByteIdentical is bar 3 of the request road: in the raw view 1,000 randomised requests arrive, and their answers return, as
// they would have without Sluice.
func TestRawIsByteIdentical(t *testing.T) {
	t.Parallel()
	v := &rawVendor{arrived: map[string]rawMessage{}, answers: map[string][]byte{}}
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go v.serve(conn)
		}
	}()
	host := ln.Addr().String()
	h := open(t, load(t, fmt.Sprintf(`
connections:
  any:
    connector: plain
    base_url: http://%s
    allow_networks: [127.0.0.0/8]
`, host), map[string]string{"plain": "name: plain\ntitle: Plain\nauth: {passthrough: {}}\n"}))
	proxied := strings.TrimPrefix(h.url, "http://")
	const seed = 20261122
	var workers sync.WaitGroup
	for worker := range 4 {
		workers.Go(func() {
			for i := worker; i < 1000; i += 4 {
				rnd := rand.New(rand.NewPCG(seed, uint64(i))) // scenarios must be the same each time
				id := strconv.Itoa(i)
				s := newScenario(rnd, id, host)
				v.mu.Lock()
				v.answers[id] = s.answer
				v.mu.Unlock()
				direct, sent := v.play(t, s, id, host, "")
				through, passed := v.play(t, s, id, proxied, "/@raw/any")
				if diff := cmp.Diff(brief(sent), brief(passed)); diff != "" {
					t.Errorf("seed %d case %d: %s %s arrived otherwise (-direct +through Sluice):\n%s", seed, i, s.method, s.target, diff)
				}
				if diff := cmp.Diff(brief(direct), brief(through)); diff != "" {
					t.Errorf("seed %d case %d: the answer to %s %s came back otherwise (-direct +through Sluice):\n%s", seed, i, s.method, s.target, diff)
				}
			}
		})
	}
	workers.Wait()
}

// play sends a scenario to addr and returns the answer, and the request as the vendor got it.
func (v *rawVendor) play(t *testing.T, s scenario, id, addr, prefix string) (answer, arrived rawMessage) {
	t.Helper()
	conn, err := net.DialTimeout("tcp4", addr, 5*time.Second)
	if err != nil {
		t.Error(err)
		return answer, arrived
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err = fmt.Fprintf(conn, "%s %s%s HTTP/1.1\r\n", s.method, prefix, s.target); err == nil {
		_, err = conn.Write(s.request)
	}
	if err != nil {
		t.Errorf("case %s: send: %v", id, err)
		return answer, arrived
	}
	answer, err = readMessage(bufio.NewReader(conn), func(string) bool { return s.bodyless })
	if err != nil {
		t.Errorf("case %s: %s %s through %q: %v (%d bytes of body)", id, s.method, s.target, prefix, err, len(answer.Body))
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return answer, v.arrived[id]
}

// brief makes a long body short enough to print, and no less particular.
func brief(m rawMessage) rawMessage {
	if len(m.Body) > 200 {
		m.Body = fmt.Appendf(nil, "%d bytes %x… sum %x", len(m.Body), m.Body[:16], sum(m.Body))
	}
	return m
}
