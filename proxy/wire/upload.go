package wire

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
)

// copyRoom holds the buffers of uploads.
var copyRoom = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// sendBody streams the request's body: as announced by ContentLength, else chunked. Each piece has BodyIdleTimeout to be taken
// by the vendor; after the last one the wait for the answer begins.
func (x *exchange) sendBody() error {
	room := copyRoom.Get().(*[32 << 10]byte)
	defer copyRoom.Put(room)
	defer x.req.Body.Close()
	known := x.req.ContentLength > 0
	limit := x.o.MaxRequestBody
	if known {
		limit = x.req.ContentLength
	}
	var sent int64
	for {
		n, err := x.req.Body.Read(room[:])
		if sent += int64(n); sent > limit {
			if known {
				return fmt.Errorf("%w: more than %d bytes", errRequestBody, limit)
			}
			return errRequestTooLarge
		}
		if n > 0 {
			if err := x.sendPiece(room[:n], known); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errRequestBody, err)
		}
	}
	if known && sent < limit {
		return fmt.Errorf("%w: %d bytes of %d", errRequestBody, sent, limit)
	}
	if !known {
		x.link.bw.WriteString("0\r\n\r\n") // an error stays in bw for Flush
	}
	if err := x.link.SetDeadline(x.by(x.o.FirstByteTimeout)); err != nil {
		return err
	}
	return x.link.bw.Flush()
}

func (x *exchange) sendPiece(p []byte, known bool) error {
	bw := x.link.bw
	if err := x.link.SetWriteDeadline(x.by(x.o.BodyIdleTimeout)); err != nil {
		return err
	}
	if known {
		_, err := bw.Write(p)
		return err
	}
	bw.Write(append(strconv.AppendInt(bw.AvailableBuffer(), int64(len(p)), 16), "\r\n"...))
	bw.Write(p)
	if _, err := bw.WriteString("\r\n"); err != nil {
		return err
	}
	return bw.Flush() // a chunked body may be a trickle that the vendor waits for
}
