package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sluice/mocks/teamdynamix"
)

// heldFolder tells a child of a test which folder to hold.
const heldFolder = "TEST_HOLDS_FOLDER"

// heldFor tells it what it shall say that it does there.
const heldFor = "TEST_HOLDS_FOLDER_FOR"

// TestFolderLockChild is the other process of TestFolderIsOneProcesses: it holds a folder until its standard input ends.
func TestFolderLockChild(t *testing.T) {
	t.Parallel()
	folder := os.Getenv(heldFolder)
	if folder == "" {
		t.Skip("it is the child of another test")
	}
	lock, err := lockFolder(folder, os.Getenv(heldFor))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	fmt.Println("held")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
}

// TestFolderIsOneProcesses: a second process on a data folder is refused and told of the first, and a kill leaves no lock behind.
func TestFolderIsOneProcesses(t *testing.T) {
	t.Parallel()
	r := newRig(t, plainConfig, teamdynamix.Options{})
	r.data = t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFolderLockChild$")
	child.Env = append(os.Environ(), heldFolder+"="+r.data, heldFor+"="+doesServe)
	in, err := child.StdinPipe() // open as long as the test runs
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("the child: got %q, %v; want a held folder", line, err)
	}
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"serve", "--config", r.folder, "--data", r.data}, nil, strings.NewReader(""), &stdout, &stderr)
	want := fmt.Sprintf("the data folder %s is in use by another sluice, process %d (serve); stop that one", r.data, child.Process.Pid)
	if code != exitBlocked || !strings.Contains(stderr.String(), want) {
		t.Errorf("a second process: got exit code %d and %q, want %d and %q", code, &stderr, exitBlocked, want)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	r.start()
	text, err := os.ReadFile(filepath.Join(r.data, lockName))
	if err != nil || strings.TrimSpace(string(text)) != strconv.Itoa(os.Getpid())+" serve" {
		t.Errorf("after the kill: got %q, %v; want the folder held by %d", text, err, os.Getpid())
	}
	r.again() // a stop lets go of it
}
