package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/net/http/httpguts"

	"sluice/connectors"
	"sluice/internal/fault"
	"sluice/proxy"
)

// tryFlags are what `sluice try` can be told.
type tryFlags struct {
	source  *source
	output  *format
	headers []string
	data    string
	view    string
}

// tryCommand sends one request through a connection's chain, without a server, and shows what happens to it on the way.
func tryCommand(env environment) *cobra.Command {
	f := &tryFlags{}
	cmd := &cobra.Command{
		Use:   "try CONNECTION METHOD PATH",
		Short: "Send one request to a vendor and show what each stage made of it",
		Long: `Send one request through a connection's stages, in this process and with the configuration as it stands, and show the
request as the vendor got it, the vendor's answer, the answer as a consumer would get it, and what each stage said.
Secrets are not shown. Exits with 1 when the answer is 400 or more, or when there is none.`,
		Example: `  sluice try tdx GET /api/people/7b0c2a6e-1f3d-4a55-9d0e-2c8f3a4b5c6d -H 'Authorization: Bearer …'
  sluice try tdx POST /api/auth/loginadmin -d @credential.json --view sailpoint
  sluice try tdx POST /api/people/search -d '{"MaxResults": 5}' -o json`,
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd.Context(), env, args[0], strings.ToUpper(args[1]), args[2])
		},
	}
	f.source, f.output = sourceFlag(cmd, env), formatFlag(cmd)
	cmd.Flags().StringArrayVarP(&f.headers, "header", "H", nil, "NAME: VALUE, as curl takes it; may be repeated")
	cmd.Flags().StringVarP(&f.data, "data", "d", "", "body; @FILE reads it from a file, @- from standard input")
	cmd.Flags().StringVar(&f.view, "view", "", "show the answer in this view (sailpoint)")
	return cmd
}

func (f *tryFlags) run(ctx context.Context, env environment, connection, method, path string) error {
	set, err := f.source.set()
	if err != nil {
		return err
	}
	view, err := chooseView(set, f.view)
	if err != nil {
		return err
	}
	r, err := f.request(env.stdin, method, path)
	if err != nil {
		return err
	}
	upstreams := proxy.NewUpstreams(proxy.Options{})
	if err := upstreams.Apply(set); err != nil {
		return exitWith(exitUsage, err)
	}
	trial, err := tryRequest(ctx, upstreams, connection, view, r)
	if err != nil {
		return err
	}
	if *f.output == asJSON {
		err = writeJSON(env.stdout, trial)
	} else {
		err = printTrial(env, trial)
	}
	if err == nil && trial.Status >= http.StatusBadRequest {
		return unwell()
	}
	return err
}

// chooseView returns the view of that name; "" is what a connector gets that shows no key.
func chooseView(set *connectors.Set, name string) (*connectors.View, error) {
	if name == "" {
		name = "sailpoint"
	}
	view := set.Views[name]
	if view == nil {
		names := make([]string, 0, len(set.Views))
		for known := range set.Views {
			names = append(names, known)
		}
		slices.Sort(names)
		return nil, usagef("--view: there is no view %q; there are %s", name, strings.Join(names, ", "))
	}
	return view, nil
}

// request makes what the command line describes.
func (f *tryFlags) request(stdin io.Reader, method, path string) (*http.Request, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, usagef("the path is %q, must start with / and stand below the connection's base_url", path)
	}
	rawPath, query, hasQuery := strings.Cut(path, "?")
	plain, err := url.PathUnescape(rawPath)
	if err != nil {
		return nil, usagef("the path %q has a %% that is no escape", path)
	}
	body, err := f.body(stdin)
	if err != nil {
		return nil, err
	}
	r := &http.Request{
		Method: method, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		URL: &url.URL{Path: plain, RawPath: rawPath, RawQuery: query, ForceQuery: hasQuery && query == ""},
	}
	if body != nil {
		r.ContentLength = int64(len(body))
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		r.Header.Set("Content-Type", "application/json")
	}
	for i, line := range f.headers {
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, usagef("-H number %d must be NAME: VALUE", i+1) // not repeated: it may hold a token
		}
		if strings.EqualFold(name, "Content-Type") {
			r.Header.Del(name)
		}
		r.Header.Add(name, value)
	}
	return r, nil
}

// body reads what -d names; nil is no body.
func (f *tryFlags) body(stdin io.Reader) ([]byte, error) {
	name, isFile := strings.CutPrefix(f.data, "@")
	switch {
	case f.data == "":
		return nil, nil
	case !isFile:
		return []byte(f.data), nil
	case name == "-":
		return io.ReadAll(stdin)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, exitWith(exitBlocked, fmt.Errorf("read the body for -d: %w", err))
	}
	return data, nil
}

// trial is what became of a tried request.
type trial struct {
	Connection string `json:"connection"`
	Method     string `json:"method"`
	Path       string `json:"path"`
	View       string `json:"view"`
	proxy.Outcome
	Vendor []proxy.Exchange `json:"vendor"` // requests as the vendor got them and its answers, sign-ins and retries included
	Status int              `json:"status"`
	Header http.Header      `json:"header,omitempty"`
	Body   string           `json:"body,omitempty"`
	Error  string           `json:"error,omitempty"`
	Words  []proxy.Word     `json:"words"`
	Took   time.Duration    `json:"took"` // nanoseconds
}

// tryRequest sends r and gathers what happened. Its error is one of usage; a vendor that fails is a trial too.
func tryRequest(ctx context.Context, upstreams *proxy.Upstreams, connection string, view *connectors.View, r *http.Request) (*trial, error) {
	start := time.Now()
	resp, trace, err := upstreams.Try(ctx, connection, view, r)
	if trace == nil {
		return nil, usagef("there is no connection %q in the configuration", connection)
	}
	t := &trial{Connection: connection, Method: r.Method, Path: trace.Target(r), View: view.Name}
	if err == nil {
		var body []byte
		body, err = io.ReadAll(resp.Body)
		err = errors.Join(err, resp.Body.Close())
		t.Status = resp.StatusCode
		t.Header, t.Body = trace.Shown(resp, body)
	}
	if err != nil {
		t.Status, t.Error = fault.Of(err).Status, trace.Why(err)
	}
	t.Took = time.Since(start)
	t.Outcome, t.Vendor, t.Words = trace.Outcome(), trace.Exchanges(), trace.Words()
	return t, nil
}
