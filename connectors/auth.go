package connectors

import (
	"time"

	"sluice/internal/strict"
	"sluice/transforms"
)

// Auth says how Sluice proves itself to a vendor. Exactly one field is set: the key is the type. Text fields may hold
// ${credential:NAME}, which stands for a secret of the connection, and, where a token is applied, ${token}.
type Auth struct {
	strict.Union `yaml:"-"`
	Passthrough  *struct{}  `yaml:"passthrough"`
	Login        *Login     `yaml:"login"`
	OAuth2       *OAuth2    `yaml:"oauth2"`
	JWTBearer    *JWTBearer `yaml:"jwt_bearer"`
	Basic        *Basic     `yaml:"basic"`
	Bearer       *Bearer    `yaml:"bearer"`
	Header       *Header    `yaml:"header"`
	HMAC         *HMAC      `yaml:"hmac"`
}

// Login sends one request of the vendor's own kind and takes a token from the answer.
type Login struct {
	Method  string            `yaml:"method" jsonschema:"default=POST"`
	Path    string            `yaml:"path" jsonschema:"required"`
	Headers map[string]string `yaml:"headers"`
	JSON    map[string]any    `yaml:"json"`
	Form    map[string]string `yaml:"form"`
	// TokenArgs says where the token stands in the answer; it is compiled to Token.
	TokenArgs any                  `yaml:"token" jsonschema:"required"`
	Token     transforms.TokenSpec `yaml:"-"`
	Apply     Apply                `yaml:"apply"`
}

// Apply says where a token goes on a request.
type Apply struct {
	Header string `yaml:"header" jsonschema:"default=Authorization"`
	Value  string `yaml:"value" jsonschema:"default=Bearer ${token}"`
}

// OAuth2 is the client credentials or refresh token grant.
type OAuth2 struct {
	TokenURL     string            `yaml:"token_url" jsonschema:"required"`
	Grant        string            `yaml:"grant" jsonschema:"enum=client_credentials,enum=refresh_token,default=client_credentials"`
	ClientID     string            `yaml:"client_id"`
	ClientSecret string            `yaml:"client_secret"`
	RefreshToken string            `yaml:"refresh_token"`
	Scopes       []string          `yaml:"scopes"`
	Params       map[string]string `yaml:"params"`
	Style        string            `yaml:"style" jsonschema:"enum=auto,enum=header,enum=body,default=auto"`
	Fallback     time.Duration     `yaml:"fallback" jsonschema:"default=1h"`
	Apply        Apply             `yaml:"apply"`
}

// JWTBearer signs an assertion (RFC 7523) and trades it for a token.
type JWTBearer struct {
	TokenURL  string            `yaml:"token_url" jsonschema:"required"`
	Algorithm string            `yaml:"algorithm" jsonschema:"enum=RS256,enum=ES256,default=RS256"`
	Key       string            `yaml:"key" jsonschema:"required"`
	KeyID     string            `yaml:"key_id"`
	Issuer    string            `yaml:"issuer" jsonschema:"required"`
	Subject   string            `yaml:"subject"`
	Audience  string            `yaml:"audience"`
	Claims    map[string]string `yaml:"claims"`
	Scopes    []string          `yaml:"scopes"`
	Lifetime  time.Duration     `yaml:"lifetime" jsonschema:"default=5m"`
	Fallback  time.Duration     `yaml:"fallback" jsonschema:"default=1h"`
	Apply     Apply             `yaml:"apply"`
}

// Basic is RFC 7617.
type Basic struct {
	Username string `yaml:"username" jsonschema:"required"`
	Password string `yaml:"password"`
}

// Bearer is a token that does not change.
type Bearer struct {
	Token string `yaml:"token" jsonschema:"required"`
}

// Header puts fixed values in headers (API keys).
type Header struct {
	Set map[string]string `yaml:"set" jsonschema:"required"`
}

// HMAC signs parts of the request.
type HMAC struct {
	Algorithm  string   `yaml:"algorithm" jsonschema:"enum=sha256,enum=sha1,enum=sha512,default=sha256"`
	Key        string   `yaml:"key" jsonschema:"required"`
	Sign       []string `yaml:"sign" jsonschema:"required"` // method, path, query, date, body, body_sha256, header:NAME, text
	Separator  string   `yaml:"separator" jsonschema:"default=\n"`
	Encoding   string   `yaml:"encoding" jsonschema:"enum=hex,enum=base64,default=hex"`
	Header     string   `yaml:"header" jsonschema:"default=Authorization"`
	Value      string   `yaml:"value" jsonschema:"default=${signature}"`
	DateHeader string   `yaml:"date_header"`
}

// None tells that the connector does not say how to sign in, so that only a caller's own credential can go through.
func (a *Auth) None() bool { return *a == Auth{} || a.Passthrough != nil }
