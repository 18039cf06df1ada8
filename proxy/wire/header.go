package wire

import (
	"bufio"
	"bytes"
	"iter"
	"net/http"
	"strings"
	"sync"

	"github.com/valyala/fasthttp"
)

// Spelling is a key that cannot occur on a wire. Under it a header keeps the names that its peer spelled otherwise than
// net/http's canonical form ("x-api-key", "SOAPAction"), so that stages may Get by canonical key and a case-sensitive peer
// still reads the names it knows. Whoever writes such a header to a wire uses those spellings and never writes this key.
const Spelling = "\x00spelling"

// FromRequest copies the end-to-end headers out of h; nothing of the result aliases h. Host, Expect, Content-Length and the
// hop-by-hop headers stay behind: they are fields of http.Request or end here. Names as the caller spelled them are kept under
// Spelling when the server was told not to normalise them (fasthttp.Server.DisableHeaderNamesNormalizing). A head that another
// parser could read differently is an error.
func FromRequest(h *fasthttp.RequestHeader) (http.Header, error) {
	// The raw lines keep repeated headers and spellings that fasthttp's own view has merged or lost. An h that was not read from a
	// wire has none.
	if raw := h.RawHeaders(); len(raw) > 0 {
		m, err := parseFields(string(raw), true)
		return m.header, err
	}
	return gather(h.All()), nil
}

// ToRequest adds header to h in the spelling that came in. It switches h's special treatment of some names off, which would
// merge cookies, reorder, and respell; the caller sets Host and framing as plain headers. Hop-by-hop headers are left out.
func ToRequest(header http.Header, h *fasthttp.RequestHeader) {
	h.DisableNormalizing()
	h.DisableSpecialHeader()
	h.SetNoDefaultContentType(true)
	odd := header[Spelling]
	for name, values := range header {
		if !writable(name) || name == "Host" || name == "Expect" {
			continue
		}
		spelled := spelling(odd, name)
		for _, v := range values {
			h.Add(spelled, v)
		}
	}
}

// ToResponse adds header to h in the spelling that came in, without Content-Length and the hop-by-hop headers. fasthttp holds
// Content-Type, Content-Encoding, Server and Set-Cookie in fields of their own: those are spelled its way, and of a repeated
// Content-Type or Server the first stays. No Content-Type in header means none on the wire. Date reaches the wire only under
// a fasthttp.Server with NoDefaultDate; without it fasthttp writes its own. Call it first: headers already in h may be dropped.
func ToResponse(header http.Header, h *fasthttp.ResponseHeader) {
	if date := header["Date"]; len(date) > 0 {
		seedDate(h, date[0])
	}
	h.DisableNormalizing()
	h.SetNoDefaultContentType(true)
	odd := header[Spelling]
	for name, values := range header {
		switch {
		case !writable(name) || len(values) == 0 || name == "Date":
			continue
		case name == "Content-Type" || name == "Server":
			h.Set(name, values[0])
			continue
		case name == "Content-Encoding": // a list: joined means the same (RFC 9110 section 5.3)
			h.Set(name, strings.Join(values, ", "))
			continue
		}
		spelled := spelling(odd, name)
		for _, v := range values {
			h.Add(spelled, v)
		}
	}
}

// writable reports whether a key of a header may go out as a header line.
func writable(name string) bool {
	return name != Spelling && name != "Content-Length" && !hopByHop(name)
}

// spelling is the way the peer wrote name.
func spelling(odd []string, name string) string {
	for _, o := range odd {
		if len(o) == len(name) && strings.EqualFold(o, name) {
			return o
		}
	}
	return name
}

// gather rebuilds header lines from fasthttp's view of them and reads those, so that all values share one string.
func gather(all iter.Seq2[[]byte, []byte]) http.Header {
	var block []byte
	for k, v := range all {
		if len(k) > 0 && token(string(k)) {
			block = append(append(append(append(block, k...), ": "...), v...), "\r\n"...)
		}
	}
	m, _ := parseFields(string(block), true) // what was read before a fault is still the peer's
	return m.header
}

// seedDate puts a Date into h. Add and Set drop it by design, and only h's parser keeps one, so a two-line answer is parsed, of a
// status that has no length; status, framing and protocol are then put back as they were.
func seedDate(h *fasthttp.ResponseHeader, date string) {
	if !printable(date) {
		return
	}
	seed := seeds.Get().(*dateSeed)
	defer seeds.Put(seed)
	status := h.StatusCode()
	seed.text = append(append(append(seed.text[:0], "HTTP/1.1 304 Not Modified\r\nDate: "...), date...), "\r\n\r\n"...)
	seed.src.Reset(seed.text)
	seed.br.Reset(&seed.src)
	_ = h.Read(seed.br) // cannot fail: the text is ours and date is printable; an overlong one merely leaves Date out
	h.SetProtocol(nil)
	h.SetStatusMessage(nil)
	h.SetStatusCode(status)
	h.ResetConnectionClose()
}

type dateSeed struct {
	text []byte
	src  bytes.Reader
	br   *bufio.Reader
}

var seeds = sync.Pool{New: func() any { return &dateSeed{br: bufio.NewReaderSize(nil, 256)} }}
