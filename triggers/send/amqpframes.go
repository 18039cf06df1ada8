package send

import (
	"encoding/binary"
	"math"
)

// What a peer of AMQP may send.
const (
	mostFrame   = 64 << 10 // which it is told
	leastFrame  = 512      // that any peer must take, as AMQP has it
	mostSettled = 64 << 10 // deliveries that one frame settles
	mostDeep    = 16       // values within values
)

// Performatives that have fields which the library trusts.
const (
	performOpen        = 0x10
	performFlow        = 0x13
	performDisposition = 0x15
	saslOutcome        = 0x44
)

// amqpFrames follows the frames of AMQP. The library reads a frame of any announced size, makes room for whatever lists within lists claim to
// hold, and is ended, or kept busy for ever, by some values.
type amqpFrames struct {
	seen    []byte // of the frame or protocol header under way
	started bool   // no protocol header may come now
}

const frameHead = 8

func (f *amqpFrames) follow(p []byte) error {
	for need := frameHead; ; need = frameHead {
		if len(f.seen) >= frameHead {
			need = int(binary.BigEndian.Uint32(f.seen))
		}
		n := min(need-len(f.seen), len(p))
		f.seen, p = append(f.seen, p[:n]...), p[n:]
		if len(f.seen) < need {
			return nil
		}
		done, err := f.judge()
		if err != nil {
			return err
		}
		if done {
			f.seen = f.seen[:0]
		}
	}
}

// judge looks at a whole head, or a whole frame. It tells whether something else begins after it.
func (f *amqpFrames) judge() (done bool, err error) {
	if !f.started && string(f.seen[:4]) == "AMQP" {
		f.started = true
		return true, nil
	}
	size := binary.BigEndian.Uint32(f.seen)
	switch {
	case !f.started || size < frameHead:
		return false, errMalformed
	case size > mostFrame:
		return false, errOversize
	case len(f.seen) < int(size):
		return false, nil
	case size == frameHead: // it keeps the connection alive
		return true, nil
	}
	body := f.seen[frameHead:]
	fields, ok := performative(body)
	if !ok {
		return false, errMalformed
	}
	if body[2] == saslOutcome {
		f.started = false // AMQP itself begins
	}
	return true, harmless(body[2], fields)
}

// harmless refuses what is well formed and would end the library, or never end in it.
func harmless(kind byte, fields []field) error {
	at := func(i int) field {
		if i < len(fields) {
			return fields[i]
		}
		return nil
	}
	switch kind {
	case performOpen:
		if most, set := at(2).uint(); set && most > 0 && most < leastFrame { // less than what goes around an event
			return errMalformed
		}
	case performFlow:
		_, link := at(4).uint()
		if _, credit := at(6).uint(); link && !credit {
			return errMalformed
		}
	case performDisposition:
		first, _ := at(1).uint()
		if last, set := at(2).uint(); set && (last == math.MaxUint32 || uint64(last) > uint64(first)+mostSettled) {
			return errOversize
		}
	}
	return nil
}
