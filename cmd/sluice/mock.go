package main

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/mocks/teamdynamix"
)

// mockCommand plays vendors on this machine, so that a configuration can be tried without a tenant.
func mockCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mock",
		Short: "Play a vendor on this machine",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(mockTeamDynamixCommand(env))
	return cmd
}

// mockFlags are the knobs of `sluice mock teamdynamix`. A zero leaves the mock's own default.
type mockFlags struct {
	listen string
	expose bool
	output *format
	vendor teamdynamix.Options
	logins []string
	rates  []string
}

func mockTeamDynamixCommand(env environment) *cobra.Command {
	f := &mockFlags{}
	cmd := &cobra.Command{
		Use:   "teamdynamix",
		Short: "Play the TeamDynamix Web API: people, limits, tokens, and what can go wrong",
		Long: `Play a tenant of TeamDynamix with production (/TDWebApi) and sandbox (/SBTDWebApi), until Ctrl-C. Its people are invented
and always the same for the same --seed. All it knows is in memory and gone when it stops.`,
		Example: `  sluice mock teamdynamix --people 55000
  sluice mock teamdynamix --window-scale 0.1 --competitor 0.2
  sluice mock teamdynamix --rate "POST /api/people/search=5/60s" --error-rate 0.01`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd, env) },
	}
	f.declare(cmd)
	return cmd
}

func (f *mockFlags) declare(cmd *cobra.Command) {
	flags, v := cmd.Flags(), &f.vendor
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8090", "host:port to listen on; port 0 is any free one")
	flags.BoolVar(&f.expose, "expose", false, "permit an address that other machines can reach")
	f.output = formatFlag(cmd)

	flags.IntVar(&v.People, "people", 250, "people")
	flags.IntVar(&v.Applications, "applications", 14, "standard applications")
	flags.IntVar(&v.Groups, "groups", 40, "groups")
	flags.IntVar(&v.SecurityRoles, "security-roles", 8, "global security roles")
	flags.IntVar(&v.FunctionalRoles, "functional-roles", 12, "functional roles")
	flags.IntVar(&v.Accounts, "accounts", 25, "accounts (departments)")
	flags.Float64Var(&v.OrgApplicationShare, "org-application-share", 0.3, "share (0 to 1) of the users who have each platform application, with a role in it")
	flags.Int64Var(&v.Seed, "seed", 1, "the same seed gives the same people, ids and secrets")

	flags.StringVar(&v.BEID, "beid", "", "the organisation's GUID (from the seed)")
	flags.StringVar(&v.WebServicesKey, "web-services-key", "", "the GUID that goes with it (from the seed)")
	flags.StringArrayVar(&f.logins, "login", nil, "USER:PASSWORD that may sign in and see people (iga:iga-password); may be repeated")
	flags.StringVar(&v.SSOUser, "sso-user", "", "user for whom the campus sign-on vouches at loginsso (none)")
	flags.DurationVar(&v.TokenTTL, "token-ttl", 24*time.Hour, "life of a token")
	flags.BoolVar(&v.JSONToken, "json-token", false, "answer tokens as a JSON-quoted string")

	flags.Float64Var(&v.WindowScale, "window-scale", 1, "multiplies every window: 0.1 is ten times shorter")
	flags.Float64Var(&v.Competitor, "competitor", 0, "share (0 to 1) of each window that another client at our address spends")
	flags.StringArrayVar(&f.rates, "rate", nil, `"METHOD /path=CALLS/WINDOW" instead of the documented limit; may be repeated`)

	flags.DurationVar(&v.Skew, "skew", 0, "the vendor's clock less ours")
	flags.DurationVar(&v.Latency, "latency", 0, "wait before every answer")
	flags.DurationVar(&v.Jitter, "jitter", 0, "at most this much more")
	flags.Float64Var(&v.ErrorRate, "error-rate", 0, "share (0 to 1) of calls answered 500")
	flags.Float64Var(&v.DropRate, "drop-rate", 0, "share (0 to 1) of connections cut in the middle of the answer")
	flags.DurationVar(&v.SlowBody, "slow-body", 0, "pause in the middle of every body")
}

func (f *mockFlags) run(cmd *cobra.Command, env environment) error {
	options, err := f.options()
	if err != nil {
		return err
	}
	if err := checkExposure(f.listen, f.expose); err != nil {
		return err
	}
	vendor := teamdynamix.New(options)
	server, err := startMock(cmd.Context(), f.listen, vendor)
	if err != nil {
		return err
	}
	if err := printTenant(env.stdout, *f.output, server.url, vendor.Options()); err != nil {
		return errors.Join(err, server.Close())
	}
	select {
	case <-cmd.Context().Done():
		return server.Close()
	case err := <-server.failed:
		return err
	}
}

// options reads the flags that are more than a value.
func (f *mockFlags) options() (teamdynamix.Options, error) {
	o := f.vendor
	shares := map[string]float64{
		"competitor": o.Competitor, "error-rate": o.ErrorRate, "drop-rate": o.DropRate, "org-application-share": o.OrgApplicationShare,
	}
	for name, share := range shares {
		if share < 0 || share > 1 {
			return o, usagef("--%s is %v, must be a share from 0 to 1", name, share)
		}
	}
	switch {
	case o.WindowScale <= 0:
		return o, usagef("--window-scale is %v, must be greater than 0", o.WindowScale)
	case o.People < 1:
		return o, usagef("--people is %d, must be at least 1", o.People)
	}
	if o.OrgApplicationShare == 0 {
		o.OrgApplicationShare = -1 // zero would be the mock's default
	}
	for _, text := range f.logins {
		user, password, ok := strings.Cut(text, ":")
		if !ok || user == "" || password == "" {
			return o, usagef("--login must be USER:PASSWORD")
		}
		o.Logins = append(o.Logins, teamdynamix.Login{Username: user, Password: password, People: true})
	}
	for _, text := range f.rates {
		route, rate, err := parseRate(text)
		if err != nil {
			return o, err
		}
		if o.Rates == nil {
			o.Rates = map[string]teamdynamix.Rate{}
		}
		o.Rates[route] = rate
	}
	return o, nil
}

// parseRate reads "METHOD /path=CALLS/WINDOW"; the route must be one that the vendor has.
func parseRate(text string) (route string, rate teamdynamix.Rate, err error) {
	route, value, _ := strings.Cut(text, "=")
	calls, window, ok := strings.Cut(value, "/")
	rate.Calls, err = strconv.Atoi(calls)
	if err == nil && ok {
		rate.Window, err = time.ParseDuration(window)
	}
	if err != nil || !ok || rate.Calls < 0 || rate.Window <= 0 {
		return "", rate, usagef(`--rate is %q, must be like "GET /api/people/{uid}=60/60s"`, text)
	}
	for _, limit := range teamdynamix.Limits() {
		if limit.Method+" "+limit.Path == route {
			return route, rate, nil
		}
	}
	return "", rate, usagef("--rate names %q, which is no route of TeamDynamix: write it as its documentation does, such as GET /api/people/{uid}", route)
}

// checkExposure keeps an operator from opening a mock to the network by mistake: it prints credentials that anybody may use.
func checkExposure(listen string, expose bool) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return usagef("--listen is %q, must be host:port such as 127.0.0.1:8090", listen)
	}
	addr, err := netip.ParseAddr(host)
	if expose || host == "localhost" || err == nil && addr.Unmap().IsLoopback() {
		return nil
	}
	return usagef("--listen %s can be reached by other machines: listen on 127.0.0.1, or say --expose", listen)
}
