package connectors

import (
	"cmp"
	"maps"
	"net/http"
	"slices"

	"sluice/transforms"
)

// views compiles the shipped views and the deployment's own, each over the one that it is like.
func (b *setBuild) views() {
	b.set.Views = map[string]*View{}
	for name, v := range shippedViews {
		v.Name = name
		b.set.Views[name] = &v
	}
	for _, name := range slices.Sorted(maps.Keys(b.written.Views)) {
		key := "views." + name
		switch _, shipped := shippedViews[name]; {
		case shipped:
			b.fault(key, "%s is a built-in view and cannot be changed: give yours another name, with like: %s", name, name)
		case !connectionName.MatchString(name):
			b.fault(key, "%q cannot stand in a URL path: use lower-case letters, digits and hyphens, a letter or digit first", name)
		default:
			b.view(name, nil)
		}
	}
}

// view compiles one own view; below are those that wait for it.
func (b *setBuild) view(name string, below []string) *View {
	if made := b.set.Views[name]; made != nil {
		return made
	}
	entry, found := b.written.Views[name]
	if !found {
		return nil
	}
	key := "views." + name
	like := (*View)(nil)
	if slices.Contains(append(below, name), entry.Like) {
		b.fault(key+".like", "%s is like itself in the end: name a built-in view", name)
	} else if like = b.view(entry.Like, append(below, name)); like == nil && entry.Like != "" {
		known := slices.Concat(slices.Collect(maps.Keys(b.set.Views)), slices.Collect(maps.Keys(b.written.Views)))
		b.fault(key+".like", "there is no view %q: %s", entry.Like, suggest(entry.Like, known))
	}
	if like == nil {
		like = b.set.Views[defaultView]
	}
	made := *like
	made.Name = name
	b.face(key, entry, &made.Face)
	made.Raw = made.Raw && made.Face == transforms.Face{}
	made.Token, made.Errors = cmp.Or(entry.Token, made.Token), cmp.Or(entry.Errors, made.Errors)
	if made.Raw && made.Token != "vendor" {
		b.fault(key+".token", "is json, but a view like raw leaves answers as they are: say like: http-date, or token: vendor")
	}
	b.set.Views[name] = &made
	return &made
}

func (b *setBuild) face(key string, entry viewEntry, f *transforms.Face) {
	for _, h := range []struct {
		written *string
		name    *string
	}{
		{entry.LimitHeader, &f.LimitHeader}, {entry.RemainingHeader, &f.RemainingHeader},
		{entry.ResetHeader, &f.ResetHeader}, {entry.RetryAfterHeader, &f.RetryAfterHeader},
	} {
		if h.written != nil {
			*h.name = http.CanonicalHeaderKey(*h.written)
		}
	}
	b.format(key+".reset_format", entry.ResetFormat, &f.ResetFormat)
	b.format(key+".retry_after_format", entry.RetryAfterFormat, &f.RetryAfterFormat)
	set(&f.RetryAfterMin, entry.RetryAfterMin)
	set(&f.RetryAfterMax, entry.RetryAfterMax)
	set(&f.IETF, entry.IETF)
	set(&f.KeepOriginal, entry.KeepOriginal)
	if f.ResetHeader != "" && f.ResetFormat == transforms.Auto {
		b.fault(key+".reset_format", "is required, because reset_header is written: unix, delta, imf …")
	}
	if f.RetryAfterMax > 0 && f.RetryAfterMin > f.RetryAfterMax {
		b.fault(key+".retry_after_min", "is %s, more than retry_after_max, which is %s", brief(f.RetryAfterMin), brief(f.RetryAfterMax))
	}
}

func (b *setBuild) format(key, name string, into *transforms.Format) {
	if name == "" {
		return
	}
	format, err := transforms.ParseFormat(name)
	if err != nil {
		b.fault(key, "%v", err)
		return
	}
	*into = format
}

// set overwrites what the file mentions.
func set[T any](into, written *T) {
	if written != nil {
		*into = *written
	}
}
