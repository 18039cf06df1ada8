package teamdynamix

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The claims of the documentation's sample token [V].
const (
	issuer   = "TD"
	audience = "https://www.teamdynamix.com/"
)

// caller is whom a token speaks for.
type caller struct {
	name        string
	admin       bool
	people      bool
	allAccounts bool
}

// ExpireTokens makes every token issued so far invalid, as if its time had run out.
func (v *Vendor) ExpireTokens() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.era++
}

// login takes a user's name and password. A wrong one is 401 [G].
func (c *call) login() {
	in, err := read[struct{ Username, Password string }](c)
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	for _, l := range c.opts.Logins {
		if strings.EqualFold(l.Username, in.Username) && same(l.Password, in.Password) {
			c.token(l.Username)
			return
		}
	}
	c.message(http.StatusUnauthorized, "Invalid username or password.")
}

// loginAdmin takes the organisation's two GUIDs and gives the key-based admin service account.
func (c *call) loginAdmin() {
	in, err := read[struct{ BEID, WebServicesKey string }](c)
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	if !same(strings.ToLower(in.BEID), strings.ToLower(c.opts.BEID)) ||
		!same(strings.ToLower(in.WebServicesKey), strings.ToLower(c.opts.WebServicesKey)) {
		c.message(http.StatusUnauthorized, "Invalid BEID or web services key.")
		return
	}
	c.token(c.adminName())
}

// loginSSO gives a token to whom the campus sign-on vouches for. The real one redirects a browser; no source tells more.
func (c *call) loginSSO() {
	if _, ok := c.opts.caller(c.opts.SSOUser, ""); !ok {
		c.message(http.StatusUnauthorized, "Authorization has been denied for this request.")
		return
	}
	c.token(c.opts.SSOUser)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func (c *call) adminName() string { return "admin-" + strings.ToLower(c.opts.BEID) }

// token answers with a new token for name: bare text, not JSON [V: section Auth].
func (c *call) token(name string) {
	now := c.now()
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"unique_name": name,
		"iss":         issuer,
		"aud":         audience,
		"nbf":         now.Unix(),
		"exp":         now.Add(c.opts.TokenTTL).Unix(),
	}).SignedString(c.key())
	if err != nil {
		c.message(http.StatusInternalServerError, "An error has occurred.")
		return
	}
	c.issued++
	if c.opts.JSONToken {
		c.answer(http.StatusOK, signed)
		return
	}
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	c.w.Header().Set("Content-Length", strconv.Itoa(len(signed)))
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write([]byte(signed))
}

// key signs this site's tokens; a token of the sandbox is none for production [G].
func (c *call) key() []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "teamdynamix token key %d %s %d", c.site.born.seed, c.base, c.era))
	return sum[:]
}

// admit lets the call in or answers 401, with the same words for a bad token and for a missing permission: a client
// cannot tell the two apart [V] but by looking into its own token. Who may not see people gets an empty list where the vendor
// gives one.
func (c *call) admit() bool {
	if c.route.Access == Open {
		return true
	}
	who, ok := c.verify()
	switch {
	case !ok,
		c.route.Access == Admin && !who.admin,
		c.route.Access == People && !who.people:
		c.message(http.StatusUnauthorized, "Authorization has been denied for this request.")
		return false
	case c.route.Access == ListsEmpty && !who.people:
		c.answer(http.StatusOK, []struct{}{})
		return false
	}
	c.caller = who
	return true
}

// verify reads the bearer token. One is good for as long as its account exists.
func (c *call) verify() (caller, bool) {
	scheme, text, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return caller{}, false
	}
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(strings.TrimSpace(text), claims, func(*jwt.Token) (any, error) { return c.key(), nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return c.now() }))
	if err != nil {
		return caller{}, false
	}
	name, _ := claims["unique_name"].(string)
	return c.opts.caller(name, c.adminName())
}

// caller finds the account of name among the logins.
func (o Options) caller(name, admin string) (caller, bool) {
	if name != "" && name == admin {
		return caller{name: name, admin: true, people: true, allAccounts: true}, true
	}
	for _, l := range o.Logins {
		if name != "" && strings.EqualFold(l.Username, name) {
			return caller{name: l.Username, people: l.People, allAccounts: l.AllAccounts}, true
		}
	}
	return caller{}, false
}
