package connectors

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// placeholder is ${kind:name} or ${kind} within a text of auth.
var placeholder = regexp.MustCompile(`\$\{([^}:]*)(?::([^}]*))?\}`)

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
