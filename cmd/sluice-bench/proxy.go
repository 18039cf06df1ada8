package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	rounds    = 5      // of every proxy, in turn
	perRound  = 40_000 // requests whose CPU is counted
	warmUp    = 4_000
	clients   = 64
	rate      = 2_000 // requests per second while latency is measured
	rateCount = 10_000
)

// contender is a proxy under test.
type contender struct {
	name   string
	prefix string // before the vendor's path
	start  func(ctx context.Context, dir, vendor, addr string) (*process, error)

	cpu []float64 // seconds per 100,000 requests, one a round
	p99 []time.Duration
}

// benchProxy measures CPU seconds per 100,000 requests and p99 latency at a fixed rate, each proxy in turn, several rounds. args may name
// the sluice binary.
func benchProxy(ctx context.Context, args []string) error {
	binary := "bin/sluice"
	if len(args) > 0 {
		binary = args[0]
	}
	contenders := []*contender{
		{name: "sluice, TeamDynamix chain", prefix: "/tdx", start: func(ctx context.Context, dir, vendor, addr string) (*process, error) {
			return startSluice(ctx, binary, dir, vendor, addr)
		}},
		{name: "httputil.ReverseProxy", start: startHTTPUtil},
	}
	if nginx, err := exec.LookPath("nginx"); err == nil {
		contenders = append(contenders, &contender{name: "nginx", start: func(ctx context.Context, dir, vendor, addr string) (*process, error) {
			return startNginx(ctx, nginx, dir, vendor, addr)
		}})
	} else {
		fmt.Println("nginx is not installed: left out")
	}
	if err := pinSelf(loadCPU); err != nil {
		return err
	}
	v, err := startVendor(ctx)
	if err != nil {
		return err
	}
	defer v.close()
	for round := range rounds {
		for _, c := range contenders {
			if err := c.round(ctx, v); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			fmt.Printf("round %d  %-26s %6.2f CPU s per 100,000  p99 %v at %d/s\n",
				round+1, c.name, c.cpu[round], c.p99[round].Round(10*time.Microsecond), rate)
		}
	}
	report(contenders)
	return nil
}

func (c *contender) round(ctx context.Context, v *vendor) error {
	dir, err := os.MkdirTemp("", "sluice-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	addr, err := freeAddr(ctx)
	if err != nil {
		return err
	}
	p, err := c.start(ctx, dir, v.addr, addr)
	if err != nil {
		return err
	}
	defer p.stop()
	target := "http://" + addr + c.prefix + path
	if _, err := load(ctx, target, warmUp, 0); err != nil {
		return err
	}
	before, err := cpu(p.pids()...)
	if err != nil {
		return err
	}
	served := v.calls.Load()
	if _, err := load(ctx, target, perRound, 0); err != nil {
		return err
	}
	after, err := cpu(p.pids()...)
	if err != nil {
		return err
	}
	if got := v.calls.Load() - served; got != perRound {
		return fmt.Errorf("%d of %d requests reached the vendor", got, perRound)
	}
	c.cpu = append(c.cpu, (after-before).Seconds()*100_000/perRound)
	took, err := load(ctx, target, rateCount, rate)
	if err != nil {
		return err
	}
	slices.Sort(took)
	c.p99 = append(c.p99, took[len(took)*99/100])
	return nil
}

// load sends count requests over keep-alive connections and returns how long each took: as fast as answers come, or at perSecond, where
// a request's time counts from when it was due.
func load(ctx context.Context, target string, count, perSecond int) ([]time.Duration, error) {
	client := &fasthttp.Client{MaxConnsPerHost: clients, ReadTimeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	took := make([]time.Duration, count)
	errs := make([]error, clients)
	begin := time.Now()
	var all sync.WaitGroup
	for worker := range clients {
		all.Go(func() {
			req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
			defer fasthttp.ReleaseRequest(req)
			defer fasthttp.ReleaseResponse(resp)
			for i := worker; i < count && ctx.Err() == nil; i += clients {
				due := time.Now()
				if perSecond > 0 {
					due = begin.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
					if pause(ctx, time.Until(due)) != nil {
						return
					}
				}
				if errs[worker] = request(client, target, req, resp); errs[worker] != nil {
					return
				}
				took[i] = time.Since(due)
			}
		})
	}
	all.Wait()
	return took, errors.Join(errors.Join(errs...), ctx.Err())
}

// request asks for target once. Both req and resp are used again and again.
func request(client *fasthttp.Client, target string, req *fasthttp.Request, resp *fasthttp.Response) error {
	req.SetRequestURI(target)
	req.Header.Set("Authorization", "Bearer of-no-value")
	req.Header.Set("Accept", "application/json")
	req.Header.SetUserAgent("bench/1")
	if err := client.Do(req, resp); err != nil {
		return err
	}
	return checkAnswer(resp.StatusCode(), resp.Body())
}

func report(contenders []*contender) {
	base := median(contenders[1].cpu)
	fmt.Printf("\nmedians of %d interleaved rounds; one processor for the proxy, one for load and vendor\n", rounds)
	fmt.Printf("%-26s %16s %12s %12s\n", "proxy", "CPU s / 100k", "× httputil", "p99")
	for _, c := range contenders {
		fmt.Printf("%-26s %16.2f %12.2f %12v\n", c.name, median(c.cpu), median(c.cpu)/base, median(c.p99).Round(10*time.Microsecond))
	}
	fmt.Printf("proxy_cpu_ratio_vs_httputil=%.3f\n", median(contenders[0].cpu)/base)
}

func median[T ~int64 | ~float64](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func startSluice(ctx context.Context, binary, dir, vendor, addr string) (*process, error) {
	config := fmt.Sprintf(`listeners:
  main: {address: %q}
admin: {address: "127.0.0.1:0"}
connections:
  tdx:
    connector: teamdynamix
    base_url: http://%s/TDWebApi
    allow_networks: [127.0.0.0/8]
    limits:
      "GET /api/people/{uid}": {limit: %d}
`, addr, vendor, limit)
	file := filepath.Join(dir, "sluice.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	return start(ctx, addr, binary, "serve", "--config", file)
}

func startHTTPUtil(ctx context.Context, _, vendor, addr string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return start(ctx, addr, self, "httputil", addr, "http://"+vendor+"/TDWebApi")
}

// serveHTTPUtil is the plain proxy that Sluice is held against: one httputil.ReverseProxy with a transport that keeps connections, and
// the least that the job asks for, the reset as Unix seconds.
func serveHTTPUtil(ctx context.Context, args []string) error {
	target, err := url.Parse(args[1])
	if err != nil {
		return err
	}
	transport := &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256, IdleConnTimeout: time.Minute, DisableCompression: true}
	server := &http.Server{
		Handler: &httputil.ReverseProxy{
			Transport: transport,
			Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
			ModifyResponse: func(r *http.Response) error { // the one header that every contender rewrites
				if reset, err := http.ParseTime(r.Header.Get("X-RateLimit-Reset")); err == nil {
					r.Header.Set("X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
				}
				return nil
			},
		},
		ReadHeaderTimeout: time.Minute,
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", args[0])
	if err != nil {
		return err
	}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func startNginx(ctx context.Context, binary, dir, vendor, addr string) (*process, error) {
	config := fmt.Sprintf(`worker_processes 1;
daemon off;
pid %[1]s/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
  upstream vendor { server %[2]s; keepalive 64; }
  server {
    listen %[3]s;
    keepalive_requests 1000000;
    location / {
      proxy_pass http://vendor/TDWebApi/;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      add_header X-Rewritten $upstream_http_x_ratelimit_reset;
    }
  }
}
`, dir, vendor, addr)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	return start(ctx, addr, binary, "-e", "stderr", "-p", dir, "-c", file)
}
