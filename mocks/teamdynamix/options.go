package teamdynamix

import (
	"maps"
	"slices"
	"time"
)

// Options say who lives at the vendor and how it behaves. A zero number takes the default in brackets; a negative one
// means none. Everything but the population may be changed at run time with Set.
type Options struct {
	Seed int64 // the same seed and numbers give the same people, ids and secrets

	// The population; a change takes effect at the next Reset.
	People          int // [250]
	Applications    int // standard applications, names that stand in User.Applications [14]; three platform ones come on top
	Groups          int // [40]
	SecurityRoles   int // global ones [8]; each platform application has two of its own besides
	FunctionalRoles int // [12]
	Accounts        int // "Acct/Dept" in the vendor's words: departments [25]

	// OrgApplicationShare is the share (0..1) of the Users who have each of the three platform applications [0.3, G]: who works in
	// one has a role in it that only their own document tells.
	OrgApplicationShare float64

	// Who may sign in.
	BEID           string        // the organisation's GUID for loginadmin [from Seed]
	WebServicesKey string        // the GUID that goes with it [from Seed]
	Logins         []Login       // user accounts [one: iga / iga-password with People access]; an empty non-nil slice means none
	SSOUser        string        // the user for whom the campus sign-on vouches at loginsso; none: 401
	TokenTTL       time.Duration // life of a token [24 h, V]
	JSONToken      bool          // answer tokens as a JSON-quoted string, as one third-party note shows [G]

	// Limits.
	WindowScale float64         // multiplies every window [1]; 0.1 = windows ten times shorter
	Competitor  float64         // share (0..1) of each window's places that another client at the same address spends, evenly over the window
	Rates       map[string]Rate // differs from the table, by "POST /api/people/search": the vendor's table changed under the connector

	// Faults.
	Skew      time.Duration // the vendor's clock less ours; shows in Date, X-RateLimit-Reset and tokens
	Latency   time.Duration // before every answer
	Jitter    time.Duration // at most this much more, evenly drawn
	ErrorRate float64       // share of calls answered 500, with nothing done
	DropRate  float64       // share of connections cut in the middle of the answer, with everything done
	SlowBody  time.Duration // a pause in the middle of every body
}

// Login is a user account that may sign in with a password.
type Login struct {
	Username, Password string
	People             bool // may use TDPeople; without it lists are empty and single people are 401
	AllAccounts        bool // has "View All Accounts/Departments"
}

// Rate is a number of calls in a window. Calls of zero or less mean no limit, and no rate-limit headers.
type Rate struct {
	Calls  int
	Window time.Duration
}

// Set changes the options while the vendor runs. fn gets the present ones, and must neither keep them nor call the vendor.
func (v *Vendor) Set(fn func(*Options)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	next := v.opts.clone()
	fn(&next)
	v.opts = next.withDefaults()
}

// Options returns the options in force, defaults filled in: what a demo prints so that its reader can sign in.
func (v *Vendor) Options() Options {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.opts.clone()
}

// clone keeps a caller's edits away from calls that still read the old options.
func (o Options) clone() Options {
	o.Logins, o.Rates = slices.Clone(o.Logins), maps.Clone(o.Rates)
	return o
}

func (o Options) withDefaults() Options {
	o = o.clone()
	for _, n := range []struct {
		field *int
		value int
	}{
		{&o.People, 250}, {&o.Applications, 14}, {&o.Groups, 40}, {&o.SecurityRoles, 8}, {&o.FunctionalRoles, 12}, {&o.Accounts, 25},
	} {
		if *n.field == 0 {
			*n.field = n.value
		}
	}
	if o.OrgApplicationShare == 0 {
		o.OrgApplicationShare = 0.3
	}
	seed := newPopulation(o)
	if o.BEID == "" {
		o.BEID = seed.guid(saltBEID, 0)
	}
	if o.WebServicesKey == "" {
		o.WebServicesKey = seed.guid(saltKey, 0)
	}
	if o.Logins == nil {
		o.Logins = []Login{{Username: "iga", Password: "iga-password", People: true}}
	}
	if o.TokenTTL == 0 {
		o.TokenTTL = 24 * time.Hour
	}
	if o.WindowScale == 0 {
		o.WindowScale = 1
	}
	return o
}
