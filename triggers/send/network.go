package send

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"

	"sluice/internal/addresses"
)

// unanswered puts into words why no answer came from host. All of it is tried again: a server that is down, a name that is gone, a certificate that
// has run out are mended within days, and so is a network that the operator has not allowed yet. Only a known kind of error is told, never
// the library's text, which quotes URLs and what the peer sent.
func unanswered(ctx context.Context, host string, err error) error {
	switch {
	case errors.Is(err, addresses.ErrRefused):
		return refusal(host, refusedOf(err))
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("the attempt at %s was broken off: %w", host, context.Canceled)
	case isTimeout(err) || errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%s did not answer in time: %w", host, context.DeadlineExceeded)
	}
	for _, row := range silences {
		if row.is(err) {
			return fmt.Errorf(row.says, host)
		}
	}
	return fmt.Errorf("%w from %s", errMalformed, host)
}

// errMalformed is an answer, or the lack of one, that no row explains.
var errMalformed = errors.New("no answer that can be read came")

func isMalformed(err error) bool { return errors.Is(err, errMalformed) }

// silences is the rule table of the network. The first row that fits is told; all are tried again.
var silences = []struct {
	is   func(error) bool
	says string
}{
	{isUnknownName, "the name %s does not exist"},
	{is[*net.DNSError], "no name server could say where %s is"},
	{is[x509.HostnameError], "the certificate of %s is for another name"},
	{isExpired, "the certificate of %s has run out or is not valid yet"},
	{is[x509.UnknownAuthorityError], "the certificate of %s is signed by nobody whom Sluice trusts"},
	{is[*tls.CertificateVerificationError], "the certificate of %s is not trusted"},
	{is[tls.RecordHeaderError], "%s does not speak TLS on this port"},
	{sys(http.ErrSchemeMismatch), "%s does not speak TLS on this port"},
	{is[tls.AlertError], "%s refused the TLS session; it may want another client certificate"},
	{sys(syscall.ECONNREFUSED), "%s refuses connections"},
	{sys(syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED), "%s broke the connection off"},
	{sys(syscall.EHOSTUNREACH, syscall.ENETUNREACH), "no way leads to %s"},
	{sys(errOversize), "%s sent more at once than its protocol needs here, and was cut off"},
	{sys(errBabble), "%s sent on and on and took no event, and was cut off"},
	{sys(io.EOF, io.ErrUnexpectedEOF, net.ErrClosed), "%s closed the connection before its answer was whole"},
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func sys(all ...error) func(error) bool {
	return func(err error) bool {
		for _, e := range all {
			if errors.Is(err, e) {
				return true
			}
		}
		return false
	}
}

func isUnknownName(err error) bool {
	e, ok := errors.AsType[*net.DNSError](err)
	return ok && e.IsNotFound
}

func isExpired(err error) bool {
	e, ok := errors.AsType[x509.CertificateInvalidError](err)
	return ok && e.Reason == x509.Expired
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// refusedOf is the part of err that the guard said, without the library's words around it.
func refusedOf(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil || errors.Is(next, addresses.ErrRefused) && errors.Unwrap(next) == nil {
			return err
		}
		err = next
	}
}
