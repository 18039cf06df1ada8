package connectors

import (
	"maps"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"sluice/transforms"
)

// placeholder is ${kind:name} or ${kind} within a text of auth.
var placeholder = regexp.MustCompile(`\$\{([^}:]*)(?::([^}]*))?\}`)

// auth checks and compiles how Sluice signs in.
func (b *connectorBuild) auth() {
	a := b.written.Auth
	if a == nil {
		if len(b.written.Credentials) > 0 {
			b.fault("credentials", "are declared, but nothing uses them: say in auth how Sluice signs in, or remove them")
		}
		return
	}
	b.made.Auth = *a
	switch {
	case a.Login != nil:
		b.login(a.Login)
	case a.OAuth2 != nil:
		b.tokenURL("auth.oauth2.token_url", a.OAuth2.TokenURL)
		b.grant(a.OAuth2)
	case a.JWTBearer != nil:
		b.tokenURL("auth.jwt_bearer.token_url", a.JWTBearer.TokenURL)
	case a.HMAC != nil:
		b.hmac(a.HMAC)
	}
	b.made.Auth = *a
	b.credentials(a)
}

func (b *connectorBuild) login(l *Login) {
	if !strings.HasPrefix(l.Path, "/") {
		b.fault("auth.login.path", "is %q, must begin with / (it is relative to base_url)", l.Path)
	}
	if !slices.Contains(methods, l.Method) {
		b.fault("auth.login.method", "%q is no method: %s", l.Method, suggest(l.Method, methods))
	}
	if l.JSON != nil && l.Form != nil {
		b.fault("auth.login.form", "a login sends json or form, not both: remove one")
	}
	spec, err := transforms.CompileTokenSpec(l.TokenArgs)
	if err != nil {
		b.argFaults("auth.login.token", err)
	}
	l.Token = spec
}

func (b *connectorBuild) grant(o *OAuth2) {
	if o.Grant == "refresh_token" && o.RefreshToken == "" {
		b.fault("auth.oauth2.refresh_token", "is required for the grant refresh_token: ${credential:NAME}")
	}
	if o.Grant == "client_credentials" && o.RefreshToken != "" {
		b.fault("auth.oauth2.refresh_token", "is not used by the grant client_credentials: remove it, or say grant: refresh_token")
	}
	if o.ClientID == "" {
		b.fault("auth.oauth2.client_id", "is required: ${credential:NAME} or the id itself")
	}
}

// tokenURL is absolute, or a path below the connection's base URL.
func (b *connectorBuild) tokenURL(key, text string) {
	if strings.HasPrefix(text, "/") || text == "" {
		return
	}
	plain := placeholder.ReplaceAllString(text, "x") // a tenant's id may be a credential
	u, err := url.Parse(plain)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		b.fault(key, "is %q, must be an https:// URL, or a path below base_url such as /oauth/token", text)
	}
}

// signed are the parts of a request that a signature may cover, beside header:NAME and text:WORDS.
var signed = []string{"method", "path", "query", "date", "body", "body_sha256"}

func (b *connectorBuild) hmac(h *HMAC) {
	for i, part := range h.Sign {
		kind, name, named := strings.Cut(part, ":")
		if !slices.Contains(signed, part) && (!named || name == "" || kind != "header" && kind != "text") {
			b.fault(index("auth.hmac.sign", i), "%q cannot be signed; there is %s, header:NAME, text:WORDS", part, strings.Join(signed, ", "))
		}
	}
	if slices.Contains(h.Sign, "date") && h.DateHeader == "" {
		b.fault("auth.hmac.date_header", "is required, because the date is signed: name the header that carries it, such as Date")
	}
}

// credentials holds every ${…} in the texts of auth against what may stand there.
func (b *connectorBuild) credentials(a *Auth) {
	used := map[string]bool{}
	eachText("auth", reflect.ValueOf(a), func(key, text string) {
		own, like := "", ""
		switch {
		case strings.HasSuffix(key, ".apply.value"):
			own, like = "${token}", "Bearer ${token}"
		case key == "auth.hmac.value":
			own, like = "${signature}", "HMAC ${signature}"
		}
		if !strings.Contains(text, own) {
			b.fault(key, "holds no %s: say where it stands, as in %s", own, like)
			return
		}
		for _, found := range placeholder.FindAllStringSubmatch(text, -1) {
			if found[0] != own {
				b.credential(key, found, used)
			}
		}
	})
	for i, name := range b.written.Credentials {
		switch {
		case slices.Contains(b.written.Credentials[:i], name):
			b.fault(index("credentials", i), "%s is declared twice: remove one", name)
		case !used[name]:
			b.fault(index("credentials", i), "%s is used nowhere in auth: write ${credential:%s} where it belongs, or remove it", name, name)
		}
	}
}

// credential checks one placeholder: the whole, its kind and its name.
func (b *connectorBuild) credential(key string, found []string, used map[string]bool) {
	whole, kind, name := found[0], found[1], found[2]
	switch {
	case kind != "credential":
		b.fault(key, "%s means nothing here: a secret of the connection is written ${credential:NAME}", whole)
	case slices.Contains(b.written.Credentials, name):
		used[name] = true
	case len(b.written.Credentials) == 0:
		b.fault(key, "%s is not declared: add credentials: [%s]", whole, name)
	default:
		b.fault(key, "%s is not declared in credentials: %s", whole, suggest(name, b.written.Credentials))
	}
}

// eachText visits every text of a written value under its key, in a fixed order.
func eachText(key string, v reflect.Value, visit func(key, text string)) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			eachText(key, v.Elem(), visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
			if name != "" && name != "-" {
				eachText(joinKey(key, name), v.Field(i), visit)
			}
		}
	case reflect.Map:
		names := make([]string, 0, v.Len())
		for _, k := range v.MapKeys() {
			names = append(names, k.String())
		}
		slices.Sort(names)
		for _, name := range names {
			eachText(joinKey(key, name), v.MapIndex(reflect.ValueOf(name)), visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachText(index(key, i), v.Index(i), visit)
		}
	case reflect.String:
		visit(key, v.String())
	}
}

// missingCredentials returns the declared names that given lacks, and the given names that are not declared.
func missingCredentials[T any](declared []string, given map[string]T) (missing, unknown []string) {
	for _, name := range declared {
		if _, found := given[name]; !found {
			missing = append(missing, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(declared, name) {
			unknown = append(unknown, name)
		}
	}
	return missing, unknown
}
