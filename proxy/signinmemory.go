package proxy

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/patrickmn/go-cache"
	"golang.org/x/sync/singleflight"

	"sluice/connectors"
	"sluice/proxy/wire"
	"sluice/transforms"
)

// tokenMemory holds the vendor's answers to sign-ins while their tokens live. Whoever shows the same credential in the same words gets
// the same answer. Credentials and tokens are looked up by a hash under a key that no other process knows.
type tokenMemory struct {
	secret  [32]byte
	answers *cache.Cache // memoryKey → *tokenAnswer
	tokens  *cache.Cache // hash of a token → memoryKey of the answer that holds it
	evicted *cache.Cache // memoryKey of an answer that was given up a short while ago
	flight  singleflight.Group
	stored  atomic.Uint64
}

type memoryKey [sha256.Size]byte

const (
	maxTokenAnswers = 10_000
	evictionPause   = time.Minute // a 401 that means a missing permission must not defeat the memory
	sweepEvery      = 256         // stored answers between two sweeps
)

func newTokenMemory() *tokenMemory {
	m := &tokenMemory{
		answers: cache.New(cache.NoExpiration, 0), tokens: cache.New(cache.NoExpiration, 0), evicted: cache.New(cache.NoExpiration, 0),
	}
	_, _ = rand.Read(m.secret[:]) // never fails: see crypto/rand
	return m
}

// passing names headers that differ from call to call and say nothing of who calls. Every other header may hold a credential and is
// part of the key.
var passing = regexp.MustCompile(`(?i)^(user-agent|date|content-length|connection|cache-control|pragma|forwarded|x-forwarded-.*|x-real-ip|via|` +
	`traceparent|tracestate|baggage|x-b3-.*|x-request-id|x-correlation-id|request-id|x-ms-client-request-id|postman-token)$`)

// key is the same for two sign-ins that show the vendor the same credential in the same way.
func (m *tokenMemory) key(r *http.Request, route *connectors.Route, body []byte) (key memoryKey) {
	h := hmac.New(sha256.New, m.secret[:])
	put(h, r.Method, route.Name, rawPath(r), r.URL.RawQuery, route.SignIn.CacheFor.String())
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if name != wire.Spelling && !passing.MatchString(name) {
			put(h, name)
			put(h, r.Header[name]...)
		}
	}
	put(h, string(body))
	h.Sum(key[:0])
	return key
}

// put writes words so that no two lists of words give the same bytes.
func put(h hash.Hash, words ...string) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(words)))
	h.Write(n[:])
	for _, word := range words {
		binary.BigEndian.PutUint64(n[:], uint64(len(word)))
		h.Write(n[:])
		_, _ = io.WriteString(h, word)
	}
}

// hashed is the name of a token in the memory.
func (m *tokenMemory) hashed(token string) string {
	h := hmac.New(sha256.New, m.secret[:])
	put(h, token)
	return string(h.Sum(nil))
}

// recall returns the answer under key while its token lives, else nil.
func (m *tokenMemory) recall(key memoryKey) *tokenAnswer {
	said, ok := m.answers.Get(string(key[:]))
	if !ok {
		return nil
	}
	return said.(*tokenAnswer)
}

// keep holds an answer for as long as its token lives, less a margin, and no longer than the route says. One without a readable token
// or an end is not kept.
func (m *tokenMemory) keep(key memoryKey, route *connectors.SignIn, said *tokenAnswer, limitHeaders []string) {
	token, life := said.life(route.Token)
	if token == "" {
		return
	}
	if life > 0 {
		life -= min(time.Minute, life/10)
	}
	if route.CacheFor > 0 && (life <= 0 && said.silent || life > route.CacheFor) {
		life = route.CacheFor
	}
	if life <= 0 {
		return
	}
	if m.stored.Add(1)%sweepEvery == 0 || m.answers.ItemCount() >= maxTokenAnswers {
		m.sweep()
	}
	if m.answers.ItemCount() >= maxTokenAnswers {
		return
	}
	m.answers.Set(string(key[:]), said.forMemory(limitHeaders), life)
	m.tokens.Set(m.hashed(token), key, life)
}

func (m *tokenMemory) sweep() {
	m.answers.DeleteExpired()
	m.tokens.DeleteExpired()
	m.evicted.DeleteExpired()
}

// doubt takes in that the vendor answered 401 to a token. If it is one of those in memory its answer is given up, at most once in
// evictionPause.
func (m *tokenMemory) doubt(token string) bool {
	if token == "" || m.tokens.ItemCount() == 0 {
		return false
	}
	name := m.hashed(token)
	known, ok := m.tokens.Get(name)
	if !ok {
		return false
	}
	key := known.(memoryKey)
	if m.evicted.Add(string(key[:]), struct{}{}, evictionPause) != nil {
		return false
	}
	m.answers.Delete(string(key[:]))
	m.tokens.Delete(name) // whoever still has it must not cost the next token its place
	return true
}

// tokenAnswer is a vendor's answer to a sign-in. It never changes once others can see it.
type tokenAnswer struct {
	status  int
	text    string
	header  http.Header
	body    []byte
	length  int64 // for resp.ContentLength; of an answer to HEAD it is not the body's
	at      time.Time
	refused bool
	limits  []transforms.Limits

	memory  bool          // it has been cleared of what was true only when it came
	silent  bool          // nobody said when the token ends
	counts  bool          // its body says expires_in, in seconds from at
	lasting time.Duration // the token's life, from at
}

func (a *tokenAnswer) outcome() string {
	switch {
	case a.status/100 == 2:
		return "vendor"
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		return "refused"
	}
	return "failed"
}

// expiresIn finds the member of RFC 6749, 5.1.
var expiresIn = regexp.MustCompile(`("expires_in"\s*:\s*"?)([0-9]{1,10})\b`)

// life reads the token and how long it lives from a.at on. When the answer tells the end as a distance, or only our assumption does,
// then whoever gets it later would count from too late a moment: expires_in is corrected (see response), any other such answer is
// kept for a tenth of its life only.
func (a *tokenAnswer) life(spec transforms.TokenSpec) (token string, life time.Duration) {
	plain := a.body
	if coding := strings.ToLower(strings.TrimSpace(a.header.Get("Content-Encoding"))); coding != "" && coding != "identity" {
		if coding != "gzip" && coding != "x-gzip" && coding != "deflate" {
			return "", 0
		}
		var err error
		if plain, err = decode(coding, a.body, maxSignInAnswer); err != nil {
			return "", 0
		}
	}
	date, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		date = a.at
	}
	read, err := transforms.ReadToken(spec, a.status, a.header, plain, date)
	if err != nil {
		return "", 0
	}
	if read.Expires.IsZero() {
		a.silent = true
		return read.Value, 0
	}
	life = read.Expires.Sub(date)
	a.lasting = life
	later, err := transforms.ReadToken(spec, a.status, a.header, plain, date.Add(time.Hour))
	if err != nil || !later.Expires.After(read.Expires) {
		return read.Value, life
	}
	said := expiresIn.FindSubmatch(a.body)
	if len(said) == 3 && string(said[2]) == strconv.Itoa(int(life/time.Second)) && len(expiresIn.FindAllIndex(a.body, 2)) == 1 {
		a.counts = true
		return read.Value, life
	}
	return read.Value, life / 10
}

// forMemory is a without what was true only when it came.
func (a *tokenAnswer) forMemory(limitHeaders []string) *tokenAnswer {
	kept := *a
	kept.memory, kept.limits = true, nil
	kept.header = maps.Clone(a.header)
	for _, name := range append([]string{"Retry-After", "Ratelimit", "Ratelimit-Policy"}, limitHeaders...) {
		delete(kept.header, http.CanonicalHeaderKey(name))
	}
	return &kept
}

// response is a as an answer to r.
func (a *tokenAnswer) response(r *http.Request, now time.Time) *http.Response {
	resp := &http.Response{
		Status: a.text, StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header.Clone(), Body: newBytesBody(a.body), ContentLength: a.length, Request: r,
	}
	if !a.memory {
		return resp
	}
	if resp.Header.Get("Date") != "" {
		resp.Header.Set("Date", now.UTC().Format(http.TimeFormat))
	}
	if a.counts {
		left := strconv.Itoa(max(0, int((a.lasting-now.Sub(a.at))/time.Second)))
		setBody(resp, expiresIn.ReplaceAll(a.body, []byte("${1}"+left)))
	}
	return resp
}
