package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	reloadRate  = 500 // requests per second
	reloadFor   = 10 * time.Second
	reloadEvery = 500 * time.Millisecond
)

// benchReload counts the requests that are lost while the configuration is read again and again, and while Sluice is told to stop, under
// a steady load of new and of kept connections. args may name the sluice binary.
func benchReload(ctx context.Context, args []string) error {
	binary, dir, v, tidy, err := prepare(ctx, args)
	if err != nil {
		return err
	}
	defer tidy()
	addr, err := freeAddr(ctx)
	if err != nil {
		return err
	}
	p, err := startSluice(ctx, binary, dir, v.addr, addr)
	if err != nil {
		return err
	}
	defer p.stop()
	reloads, err := reloading(ctx, p, filepath.Join(dir, "sluice.yaml"), "http://"+addr+"/tdx"+path)
	if err != nil {
		return fmt.Errorf("during a reload: %w", err)
	}
	fmt.Printf("%d requests at %d/s under %d reloads: none lost\n", int(reloadRate*reloadFor.Seconds()), reloadRate, reloads)
	answered, lost, err := stopping(ctx, p, addr)
	if err != nil {
		return err
	}
	fmt.Printf("SIGTERM under %d/s on new connections: %d answered, %d lost\n", reloadRate, answered, lost)
	fmt.Printf("stop_lost=%d\nreload_lost=0\n", lost)
	if lost > 0 {
		return errors.New("requests were lost")
	}
	return nil
}

// reloading keeps up the load while the file is rewritten and SIGHUP is sent in turn. Any request that is not answered in full is an error.
func reloading(ctx context.Context, p *process, file, target string) (reloads int, err error) {
	config, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	loaded := make(chan error, 1)
	go func() {
		_, err := load(ctx, target, int(reloadRate*reloadFor.Seconds()), reloadRate)
		loaded <- err
	}()
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-loaded:
			return reloads, err
		case <-tick.C:
		}
		reloads++
		if reloads%2 == 0 {
			err = p.cmd.Process.Signal(syscall.SIGHUP)
		} else {
			text := fmt.Appendf(config[:len(config):len(config)], "logging: {level: %s}\n", []string{"info", "warn"}[reloads/2%2])
			err = os.WriteFile(file, text, 0o600)
		}
		if err != nil {
			return reloads, err
		}
	}
}

// stopping sends SIGTERM in the middle of a load on new connections. A request whose connection was refused was never accepted; any
// other that is not answered in full is lost.
func stopping(ctx context.Context, p *process, addr string) (answeredInFull, lost int64, err error) {
	var good, bad, stopped atomic.Int64
	begin := time.Now()
	var all sync.WaitGroup
	for worker := range clients {
		all.Go(func() {
			for i := worker; i < 2*reloadRate && stopped.Load() == 0 && ctx.Err() == nil; i += clients {
				if pause(ctx, time.Until(begin.Add(time.Duration(i)*time.Second/reloadRate))) != nil {
					return
				}
				err := once(ctx, addr)
				if errors.Is(err, syscall.ECONNREFUSED) {
					stopped.Add(1)
					return
				}
				if err != nil {
					fmt.Println("lost:", err)
					bad.Add(1)
					continue
				}
				good.Add(1)
			}
		})
	}
	err = pause(ctx, time.Second)
	err = errors.Join(err, p.cmd.Process.Signal(syscall.SIGTERM))
	all.Wait()
	if stopped.Load() == 0 {
		err = errors.Join(err, errors.New("no connection was refused: Sluice did not stop"))
	}
	return good.Load(), bad.Load(), err
}

// once asks on a connection of its own and reads the answer.
func once(ctx context.Context, addr string) error {
	conn, err := ask(ctx, addr, path)
	defer closeAll([]net.Conn{conn})
	if err != nil {
		return err
	}
	return answered(conn)
}
