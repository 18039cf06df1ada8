package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"

	"sluice/mocks/teamdynamix"
)

// wrong is something that a vendor does wrong: what it returns answers in the vendor's stead where it returns true.
type wrong func(b *aggregateBench) func(w http.ResponseWriter, r *http.Request) bool

// where does wrong with some requests only.
func where(these func(r *http.Request) bool, then wrong) wrong {
	return func(b *aggregateBench) func(http.ResponseWriter, *http.Request) bool {
		does := then(b)
		return func(w http.ResponseWriter, r *http.Request) bool { return these(r) && does(w, r) }
	}
}

// to does wrong where a path has a text in it, toList in the listing of people, toDetail in the calls for one of them.
func to(path string, then wrong) wrong {
	return where(func(r *http.Request) bool { return strings.Contains(r.URL.Path, path) }, then)
}

func toList(then wrong) wrong { return to("/people/userlist", then) }

func toDetail(then wrong) wrong {
	return where(func(r *http.Request) bool {
		return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/api/people/") && !strings.HasSuffix(r.URL.Path, "/userlist")
	}, then)
}

// after does wrong from a request on, counted from 0; between up to another one.
func after(first int64, then wrong) wrong { return between(first, 1<<40, then) }

func between(first, end int64, then wrong) wrong {
	return func(b *aggregateBench) func(http.ResponseWriter, *http.Request) bool {
		var n atomic.Int64
		does := then(b)
		return func(w http.ResponseWriter, r *http.Request) bool {
			at := n.Add(1) - 1
			return at >= first && at < end && does(w, r)
		}
	}
}

// says gives an answer that has nothing of the vendor's.
func says(status int, text string) wrong {
	return func(*aggregateBench) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
			return true
		}
	}
}

// truly is what the vendor would have answered.
func truly(b *aggregateBench, r *http.Request) *httptest.ResponseRecorder {
	inner := httptest.NewRecorder()
	b.vendor.ServeHTTP(inner, r)
	return inner
}

// cut gives the first half of the vendor's answer, and ends in some way.
func cut(end func(w http.ResponseWriter, half []byte, whole int)) wrong {
	return func(b *aggregateBench) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			answer := truly(b, r)
			if answer.Code != http.StatusOK {
				return false
			}
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			all := answer.Body.Bytes()
			end(w, all[:len(all)/2], len(all))
			return true
		}
	}
}

// half is an answer that seems to be whole.
func half(w http.ResponseWriter, half []byte, _ int) { _, _ = w.Write(half) }

// between two rows it looks like a list whose last bracket is missing.
func betweenRows(w http.ResponseWriter, half []byte, _ int) {
	_, _ = w.Write(half[:bytes.LastIndex(half, []byte("},{"))+1])
}

// tooShort says that more was to come.
func tooShort(w http.ResponseWriter, half []byte, whole int) {
	w.Header().Set("Content-Length", strconv.Itoa(whole))
	_, _ = w.Write(half)
}

// inChunks breaks off between two chunks.
func inChunks(w http.ResponseWriter, half []byte, _ int) {
	_, _ = w.Write(half)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// reset resets the connection, where others close it.
func reset(w http.ResponseWriter, half []byte, whole int) {
	conn, out, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = fmt.Fprintf(out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", whole, half)
	_ = out.Flush()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// relisted changes the rows of a list of the vendor's.
func relisted(change func(rows []map[string]any) []map[string]any) wrong {
	return func(b *aggregateBench) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			answer := truly(b, r)
			if answer.Code != http.StatusOK {
				return false
			}
			var rows []map[string]any
			if err := json.Unmarshal(answer.Body.Bytes(), &rows); err != nil {
				b.Errorf("the vendor's list: %v", err)
			}
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			if err := json.NewEncoder(w).Encode(change(rows)); err != nil {
				b.Errorf("answer: %v", err)
			}
			return true
		}
	}
}

// only leaves the first few rows of a list: what one sees who may see one's own department.
func only(n int) wrong {
	return relisted(func(rows []map[string]any) []map[string]any { return rows[:min(n, len(rows))] })
}

// otherCase spells the UIDs of the first few rows in capitals.
func otherCase(n int) wrong {
	return relisted(func(rows []map[string]any) []map[string]any {
		for _, row := range rows[:min(n, len(rows))] {
			row["UID"] = strings.ToUpper(fmt.Sprint(row["UID"]))
		}
		return rows
	})
}

// massDeletion is what a vendor answers that has lost half of its people: in the listing, in joins and by name.
func massDeletion(b *aggregateBench) func(http.ResponseWriter, *http.Request) bool {
	o := b.vendor.Options()
	o.People /= 2
	lost := teamdynamix.New(o)
	return func(w http.ResponseWriter, r *http.Request) bool {
		lost.ServeHTTP(w, r)
		return true
	}
}
