package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"sluice/connectors"
	"sluice/internal/addresses"
	"sluice/triggers"
)

// mostOutput bounds the file of --output, and mostDelay the time of --delay.
const (
	mostOutput = 1 << 20
	mostDelay  = 24 * time.Hour
)

// listenFlags are the knobs of `sluice listen`.
type listenFlags struct {
	source  *source
	format  format
	listen  string
	expose  bool
	trigger string
	secrets []string
	answer  string
	file    string
	play    play
}

// listenCommand receives events on this machine.
func listenCommand(env environment) *cobra.Command {
	f := &listenFlags{format: asText}
	cmd := &cobra.Command{
		Use:   "listen",
		Short: "Receive events on this machine: print them, verify them, and answer as a receiver would",
		Long: `Receive events until Ctrl-C, and print what arrives: method, path, headers and body, with what may be a secret masked. Then it says how many
arrived, were verified, and came more than once. At the start it prints the subscription that leads here, and what the configuration needs
for an address of this machine.

With --secret, signatures of Standard Webhooks are verified, and what is not signed by one of them is answered 401. A command line can be read by
everybody on the machine, so that a secret is named by where it is: env:NAME or file:PATH.

With --answer it plays the receiver of a trigger that wants an answer, which is the JSON of --output: sync answers with it; async and dynamic
say that it is to come, by 200 {} and 202, and complete the invocation at its callbackURL after --delay. --status and --fail play one that does
not work.`,
		Example: `  sluice listen
  sluice listen --secret env:HOOK_SECRET --secret file:/run/secrets/hook-before
  sluice listen --answer async --output approve.json --delay 5s
  sluice listen --fail 3 --status 429 --retry-after 10s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), env) },
	}
	f.source = sourceFlag(cmd, env)
	flags := cmd.Flags()
	flags.Var(&f.format, "format", "how to print: text, or json with a line for each arrival")
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8099", "host:port to listen on; port 0 is any free one")
	flags.BoolVar(&f.expose, "expose", false, "permit an address that other machines can reach")
	flags.StringVar(&f.trigger, "trigger", triggers.IdentityCreated, "whose subscription is printed at the start")
	flags.StringArrayVar(&f.secrets, "secret", nil, "env:NAME or file:PATH with the secrets (whsec_…) that sign; may be given several times")
	flags.StringVar(&f.answer, "answer", "", "sync, async or dynamic: give the answer of --output")
	flags.StringVar(&f.file, "output", "", "file with the JSON that --answer gives")
	flags.IntVar(&f.play.status, "status", 0, "answer this status instead of 200, or with --fail 503")
	flags.IntVar(&f.play.fail, "fail", 0, "let the first so many fail, and then work")
	flags.DurationVar(&f.play.retryAfter, "retry-after", 0, "Retry-After of what fails")
	flags.DurationVar(&f.play.delay, "delay", 0, "wait before the answer; with --answer async and dynamic, before completing")
	return cmd
}

func (f *listenFlags) run(ctx context.Context, env environment) error {
	set, err := f.source.set()
	if err != nil {
		return err
	}
	trigger, err := triggerOf(set, f.trigger)
	if err != nil {
		return err
	}
	if err := f.check(env); err != nil {
		return err
	}
	secrets, err := hookSecrets(env, f.secrets)
	if err != nil {
		return err
	}
	if err := checkExposure(f.listen, f.expose); err != nil {
		return err
	}
	r := newReceiver(ctx, f.play, secrets, &arrivalPrinter{out: env.stdout, output: f.format})
	server, err := startMock(ctx, f.listen, r)
	if err != nil {
		return err
	}
	if err := f.introduce(env.stderr, server.url, trigger, set); err != nil {
		return errors.Join(err, server.Close())
	}
	select {
	case <-ctx.Done():
		err = server.Close()
	case err = <-server.failed:
	}
	return errors.Join(err, r.close())
}

// check reads the flags that are more than a value.
func (f *listenFlags) check(env environment) error {
	p := &f.play
	switch p.answer = f.answer; {
	case p.answer != "" && p.answer != answerSync && p.answer != answerAsync && p.answer != answerDynamic:
		return usagef("--answer is %q, must be sync, async or dynamic", p.answer)
	case (p.answer == "") != (f.file == ""):
		return usagef("--answer says how to answer and --output which JSON file: give both")
	case p.status != 0 && (p.status < 200 || p.status > 599):
		return usagef("--status is %d, must be between 200 and 599", p.status)
	case p.fail < 0:
		return usagef("--fail is %d, must not be negative", p.fail)
	case p.delay < 0 || p.delay > mostDelay || p.retryAfter < 0 || p.retryAfter > mostDelay:
		return usagef("--delay and --retry-after must be between 0s and 24h")
	case p.retryAfter > 0 && p.status == 0 && p.fail == 0:
		return usagef("--retry-after is of what fails: give --status or --fail")
	case p.fail > 0 && p.status == 0:
		p.status = http.StatusServiceUnavailable
	}
	if f.file == "" {
		return nil
	}
	text, err := readBounded(env, f.file, mostOutput)
	if err == nil {
		if wrong := json.Unmarshal(text, new(json.RawMessage)); wrong != nil {
			err = errors.New("it " + triggers.WhyNotJSON(text, wrong))
		}
	}
	if err != nil {
		return usagef("--output cannot be read: %w", err)
	}
	p.output = text
	return nil
}

// introduce prints how events come here.
func (f *listenFlags) introduce(out io.Writer, url string, trigger *triggers.Trigger, set *connectors.Set) error {
	mode := map[string]string{answerAsync: triggers.DispatchAsync, answerDynamic: triggers.DispatchDynamic}[f.play.answer]
	if mode == "" {
		mode = triggers.DispatchSync
	}
	subscription := struct {
		Name    string `json:"name"`
		Trigger string `json:"triggerId"`
		Type    string `json:"type"`
		HTTP    any    `json:"httpConfig"`
		Sluice  any    `json:"sluice,omitempty"`
	}{Name: "listen", Trigger: trigger.ID, Type: triggers.TypeHTTP, HTTP: map[string]string{"url": url + "/", "httpDispatchMode": mode}}
	signed := ""
	if len(f.secrets) > 0 {
		subscription.Sluice = map[string]any{"signing": []map[string]string{{"id": "listen", "secret": "whsec_…"}}}
		signed = "\nWith the secret itself in place of whsec_….\n"
	}
	_, err := fmt.Fprintf(out, "Listening on %s/ until Ctrl-C. A subscription that leads here, for sluice subscriptions create:\n\n", url)
	err = errors.Join(err, writeJSON(out, subscription))
	if network := privateNetwork(url); network.IsValid() && addresses.Permit(network.Addr(), set.Events.AllowNetworks) != nil {
		signed += "\nSluice sends to an address such as this one when its sluice.yaml has, before it starts:\n\n  triggers: {allow_networks: [\"" + network.String() + "\"]}\n"
	}
	_, failed := io.WriteString(out, signed+"\n")
	return errors.Join(err, failed)
}

// privateNetwork is what allow_networks must have for a receiver at a URL of ours; none where it is an address of everybody's.
func privateNetwork(url string) netip.Prefix {
	at, err := netip.ParseAddrPort(url[len("http://"):])
	if err != nil || addresses.Permit(at.Addr().Unmap(), nil) == nil {
		return netip.Prefix{}
	}
	addr, bits := at.Addr().Unmap(), at.Addr().Unmap().BitLen()
	if loopback := net.IP(addr.AsSlice()); addr.Is4() && loopback.IsLoopback() {
		bits = 8
	}
	network, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}
