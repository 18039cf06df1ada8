package send

import "encoding/binary"

// field is one encoded value of AMQP's types; nil is null.
type field []byte

// uint is the value of a field that holds one of 32 bits.
func (f field) uint() (value uint32, set bool) {
	if len(f) == 0 {
		return 0, false
	}
	switch f[0] {
	case 0x43:
		return 0, true
	case 0x52:
		return uint32(f[1]), true
	case 0x70:
		return binary.BigEndian.Uint32(f[1:]), true
	}
	return 0, false
}

// mostFields is more than any performative has.
const mostFields = 32

// performative returns the fields of what a frame begins with: a described list. What follows is the payload of a transfer.
func performative(body []byte) (fields []field, ok bool) {
	if len(body) < 4 || body[0] != 0 || body[1] != 0x53 {
		return nil, false
	}
	switch body[3] {
	case 0x45:
		return nil, true
	case 0xc0, 0xd0:
	default:
		return nil, false
	}
	inner, count, _, ok := compound(body[3:])
	if count > mostFields {
		return nil, false
	}
	for ; ok && count > 0; count-- {
		var rest []byte
		if rest, ok = skip(inner, 1); ok {
			fields = append(fields, field(inner[:len(inner)-len(rest)]))
			inner = rest
		}
	}
	return fields, ok && len(inner) == 0
}

// skip returns what follows the value that b begins with. The first half of a constructor tells how wide its value is.
func skip(b []byte, deep int) (rest []byte, ok bool) {
	if len(b) == 0 || deep > mostDeep {
		return nil, false
	}
	if b[0] == 0 { // a descriptor and what it describes
		if rest, ok = skip(b[1:], deep+1); !ok {
			return nil, false
		}
		return skip(rest, deep+1)
	}
	if b[0]>>4 < 0xc {
		return scalar(b[0], b[1:])
	}
	inner, count, rest, ok := compound(b)
	if !ok {
		return nil, false
	}
	if b[0]>>4 >= 0xe {
		return rest, elements(inner, count)
	}
	isMap := b[0]&0xf == 1
	if isMap && count%2 != 0 {
		return nil, false
	}
	for i := range count {
		if isMap && i%2 == 0 && len(inner) > 0 && inner[0] == 0 { // a described key may be none that a map of Go can have
			return nil, false
		}
		if inner, ok = skip(inner, deep+1); !ok {
			return nil, false
		}
	}
	return rest, len(inner) == 0
}

// scalar skips a value of the type code that holds no others.
func scalar(code byte, b []byte) (rest []byte, ok bool) {
	width := 0
	switch kind := code >> 4; kind {
	case 0x4:
	case 0x5, 0x6, 0x7, 0x8, 0x9:
		width = 1 << (kind - 5)
	case 0xa, 0xb:
		n, after, ok := length(code, b)
		if !ok {
			return nil, false
		}
		width, b = n, after
	default:
		return nil, false
	}
	if len(b) < width {
		return nil, false
	}
	return b[width:], true
}

// length reads how many bytes or values follow, in one byte or in four.
func length(code byte, b []byte) (n int, rest []byte, ok bool) {
	if code>>4%2 == 0 {
		if len(b) < 1 {
			return 0, nil, false
		}
		return int(b[0]), b[1:], true
	}
	if len(b) < 4 {
		return 0, nil, false
	}
	return int(binary.BigEndian.Uint32(b)), b[4:], true
}

// compound opens a list, a map or an array. It holds no more values than bytes.
func compound(b []byte) (inner []byte, count int, rest []byte, ok bool) {
	size, after, ok := length(b[0], b[1:])
	if !ok || size > len(after) {
		return nil, 0, nil, false
	}
	count, inner, ok = length(b[0], after[:size])
	return inner, count, after[size:], ok && count <= len(inner)
}

// elements tells whether b is the constructor and the values of an array, which may not be compound themselves: no broker sends such.
func elements(b []byte, count int) bool {
	if len(b) == 0 {
		return count == 0
	}
	code, b := b[0], b[1:]
	for range count {
		rest, ok := scalar(code, b)
		if !ok {
			return false
		}
		b = rest
	}
	return len(b) == 0
}
