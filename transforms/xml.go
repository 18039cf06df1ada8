package transforms

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"

	"github.com/clbanning/mxj/v2"
	"golang.org/x/text/encoding/charmap"
)

// xmlBounds is what an XML document may not exceed.
type xmlBounds struct{ bytes, depth, elements int }

// A table of the one default.
var xmlDefault = xmlBounds{bytes: 8 << 20, depth: 64, elements: 200_000}

// buildXMLToJSON: xml_to_json turns an XML body into JSON: elements become keys without their namespace prefix,
// attributes keys with a leading "-", text beside either "#text", repeated elements a list. All values stay texts.
//
//	lists: [.users.user]      always a list, also with one or no entry
//	max_bytes: 8388608, max_depth: 64, max_elements: 200000
//
// External entities cannot be reached: a document with a DOCTYPE is refused, and so is every entity beyond XML's own
// five. UTF-8, ISO-8859-1 and Windows-1252 are read.
func buildXMLToJSON(a *fields) Func {
	bounds := xmlBounds{
		bytes:    a.whole("max_bytes", xmlDefault.bytes, 1, 64<<20),
		depth:    a.whole("max_depth", xmlDefault.depth, 1, 1000),
		elements: a.whole("max_elements", xmlDefault.elements, 1, 10_000_000),
	}
	var lists []*filter
	for i, path := range a.texts("lists") {
		f, err := compileFilter("(" + path + `) |= if type == "array" then . elif . == null then [] else [.] end`)
		if err != nil {
			a.fault(at("lists", i, a.values["lists"]), "%v", err)
			continue
		}
		lists = append(lists, f)
	}
	return Func{Body: true, Apply: func(m *Message) error {
		if encoded(m.Header) {
			return fmt.Errorf("%w: the body still has its content coding", ErrUnreadable)
		}
		doc, err := decodeXML(m.Body, bounds)
		if err != nil {
			return err
		}
		for _, f := range lists {
			if doc, err = f.run(doc); err != nil {
				return err
			}
		}
		return replaceJSON(m, doc)
	}}
}

// decodeXML reads an XML document within bounds into the same plain values that JSON has.
func decodeXML(body []byte, bounds xmlBounds) (any, error) {
	if len(body) > bounds.bytes {
		return nil, fmt.Errorf("%w: XML of %d bytes, the most is %d", ErrUnreadable, len(body), bounds.bytes)
	}
	body, err := xmlInUTF8(trimBody(body))
	if err != nil {
		return nil, err
	}
	if err := checkXML(body, bounds); err != nil {
		return nil, err
	}
	doc, err := mxj.NewMapXml(body)
	if err != nil {
		return nil, fmt.Errorf("%w: the body is no XML", ErrUnreadable)
	}
	return plain(map[string]any(doc)), nil
}

// checkXML walks the document before anything is built of it: one root, no DOCTYPE, and the bounds.
func checkXML(body []byte, bounds xmlBounds) error {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	depth, elements, roots := 0, 0, 0
	for {
		token, err := decoder.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w: the body is no XML", ErrUnreadable)
		}
		switch token.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			depth++
			elements++
		case xml.EndElement:
			depth--
		case xml.Directive:
			return fmt.Errorf("%w: XML with a DOCTYPE is refused", ErrUnreadable)
		}
		if depth > bounds.depth || elements > bounds.elements {
			return fmt.Errorf("%w: XML of more than %d levels or %d elements", ErrUnreadable, bounds.depth, bounds.elements)
		}
	}
	if roots != 1 || depth != 0 {
		return fmt.Errorf("%w: the body is no XML", ErrUnreadable)
	}
	return nil
}

// xmlInUTF8 rewrites the two single-byte encodings that old SOAP services still use; the declaration loses its
// encoding, since the decoder knows UTF-8 only.
func xmlInUTF8(body []byte) ([]byte, error) {
	if !bytes.HasPrefix(body, []byte("<?xml")) {
		return body, nil
	}
	end := bytes.Index(body, []byte("?>"))
	if end < 0 {
		return body, nil
	}
	declaration, rest := bytes.ToLower(body[:end]), body[end+2:]
	var page *charmap.Charmap
	switch {
	case bytes.Contains(declaration, []byte("iso-8859-1")):
		page = charmap.ISO8859_1
	case bytes.Contains(declaration, []byte("windows-1252")):
		page = charmap.Windows1252
	default:
		return body, nil
	}
	out, err := page.NewDecoder().Bytes(rest)
	if err != nil {
		return nil, fmt.Errorf("%w: the XML is not in the encoding it declares", ErrUnreadable)
	}
	return out, nil
}

// plain returns mxj's maps as the bare types that jq knows.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = plain(v[k])
		}
		return v
	case mxj.Map:
		return plain(map[string]any(v))
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
		return v
	}
	return v
}
