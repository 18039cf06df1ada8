package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

// demoFlags are what the demo can be told.
type demoFlags struct {
	stay    bool
	reads   int
	threads int
	window  time.Duration
}

// demoCommand plays the main job of Sluice on this machine: a connector at a TeamDynamix tenant, once directly and once through
// Sluice.
func demoCommand(env environment) *cobra.Command {
	f := &demoFlags{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show what changes for a connector: a mock vendor, a Sluice in front of it, the same calls to both",
		Long: `Start the TeamDynamix mock and Sluice on free ports of this machine, and let one and the same connector work against
both: sign in, read a person, read many people. Nothing leaves the machine. The mock's windows are shortened so that the
whole takes half a minute. Exits with 0 when Sluice kept what it promises.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return f.run(cmd.Context(), env)
		},
	}
	cmd.Flags().BoolVar(&f.stay, "stay", false, "keep mock and Sluice running afterwards, and print what to try")
	cmd.Flags().IntVar(&f.reads, "reads", 180, "people to read on each side")
	cmd.Flags().IntVar(&f.threads, "threads", 4, "how many the connector reads at a time")
	cmd.Flags().DurationVar(&f.window, "window", 6*time.Second, "length of the mock's window of 60 calls, which is 60s in reality")
	return cmd
}

func (f *demoFlags) check() error {
	switch {
	case f.reads < 2 || f.reads > 10_000:
		return usagef("--reads is %d, must be from 2 to 10000", f.reads)
	case f.threads < 1 || f.threads > 64:
		return usagef("--threads is %d, must be from 1 to 64", f.threads)
	case f.window < 2*time.Second || f.window > realWindow:
		return usagef("--window is %s, must be from 2s to 60s: the vendor tells its reset in whole seconds", f.window)
	}
	return nil
}

// errBroken says that the demo ran and that Sluice did not keep what it promises.
var errBroken = errors.New("demo: Sluice did not do what it promises; the lines marked with ✗ say what")

func (f *demoFlags) run(ctx context.Context, env environment) (err error) {
	house, err := openDemoHouse(ctx, f, env.stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, house.Close()) }()
	play := &demoPlay{flags: f, house: house, stage: newDemoStage(env)}
	defer play.leave()
	play.opening()
	if err := play.signIn(ctx); err != nil {
		return err
	}
	if err := play.onePerson(ctx); err != nil {
		return err
	}
	if err := play.manyPeople(ctx, newDemoProgress(env.stderr, 2*(f.reads-1))); err != nil {
		return err
	}
	if f.stay {
		play.stay()
		<-ctx.Done()
	}
	if play.stage.broken {
		return errBroken
	}
	return nil
}

// demoPlay is one run of the demo.
type demoPlay struct {
	flags           *demoFlags
	house           *demoHouse
	stage           *demoStage
	direct, through *demoConnector
	uids            []string
}

func (p *demoPlay) opening() {
	p.direct = p.connector(p.house.direct.url + demoBase)
	p.through = p.connector(p.house.sluice)
	s := p.stage
	s.title("One TeamDynamix connector, twice. The same code on both sides; only its base URL differs.")
	s.headings(p.direct.base, p.through.base)
	s.para(fmt.Sprintf("The vendor is a mock on this machine, one for each side, so that neither spends the other's calls. "+
		"Its clock is quick: 60 calls are allowed in %s where the real one says 60 s.", seconds(p.flags.window)))
}

// leave closes the connector's connections, so that nothing waits for them.
func (p *demoPlay) leave() {
	p.direct.client.CloseIdleConnections()
	p.through.client.CloseIdleConnections()
}

func (p *demoPlay) connector(base string) *demoConnector {
	return &demoConnector{base: base, client: newDemoClient(p.flags.threads), threads: p.flags.threads, window: p.flags.window}
}

// signIn plays the first scene: a token as text that nobody can map, and as JSON.
func (p *demoPlay) signIn(ctx context.Context) error {
	tenant := p.house.tenant
	plain, mapped, err := p.direct.signIn(ctx, tenant.BEID, tenant.WebServicesKey)
	if err != nil {
		return err
	}
	token, usable, err := p.through.signIn(ctx, tenant.BEID, tenant.WebServicesKey)
	if err != nil {
		return err
	}
	s := p.stage
	s.scene("Sign in with BEID and key", "POST /api/auth/loginadmin")
	s.columns(showSignIn(plain), showSignIn(token))
	s.verdict(mapped, "there is an access_token to map", "no access_token that the connector could map",
		usable && hasTokenFields(token.Body), "access_token, token_type and expires_in", "no JSON with access_token, token_type and expires_in")
	return nil
}

// onePerson plays the second scene: a reset that the connector cannot read, and one that it can.
func (p *demoPlay) onePerson(ctx context.Context) error {
	var err error
	if p.uids, err = p.direct.people(ctx, p.flags.reads); err != nil {
		return err
	}
	plain, err := p.direct.first(ctx, p.uids[0])
	if err != nil {
		return err
	}
	paced, err := p.through.first(ctx, p.uids[0])
	if err != nil {
		return err
	}
	s := p.stage
	s.scene("Read a person", "GET /api/people/"+p.uids[0])
	s.columns(showPerson(plain), showPerson(paced))
	_, lucky := p.direct.pause(plain.Header, time.Now())
	_, understood := p.through.pause(paced.Header, time.Now())
	s.verdict(lucky, "a time that the connector reads", "an HTTP date: the connector reads no time from it",
		understood && paced.Status == 200, "Unix seconds: the connector reads the time", "no time that the connector could read")
	return nil
}

// manyPeople plays the third scene: everybody, as fast as the connector can, on both sides at once.
func (p *demoPlay) manyPeople(ctx context.Context, progress *demoProgress) error {
	s := p.stage
	s.scene(fmt.Sprintf("Read the other %d people, %d at a time, as fast as it goes", p.flags.reads-1, p.flags.threads), "GET /api/people/{uid}")
	s.para("Refused with 429, the connector waits as long as the answer says; where it reads no time there, a whole window.")
	group, ctx := errgroup.WithContext(ctx)
	var plain, paced demoTally
	group.Go(func() (err error) {
		plain, err = p.direct.readAll(ctx, p.uids[1:], progress.direct)
		return err
	})
	group.Go(func() (err error) {
		paced, err = p.through.readAll(ctx, p.uids[1:], progress.through)
		return err
	})
	err := group.Wait()
	progress.finish()
	if err != nil {
		return err
	}
	s.table(demoRows(plain, paced, p.flags.window))
	seen := p.house.through.vendor.Stats().Limited
	s.verdict(plain.Refused == 0, "no refusal", fmt.Sprintf("%d refusals, %d windows waited out blindly", plain.Refused, plain.Blind),
		paced.Refused == 0 && seen == 0 && paced.Read == p.flags.reads, "not one refusal, nor did the vendor have to say one to Sluice",
		fmt.Sprintf("%d refusals, and %d by the vendor", paced.Refused, seen))
	return nil
}
