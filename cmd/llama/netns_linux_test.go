package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A network is of hosts of its own, each a network namespace: a hub with a way to each
// site, and behind the hub central. The hub relays connections to central, and can make
// them slow; the way to a site can be cut, or lose packets.
//
//	site 1 ── veth ──┐
//	site 2 ── veth ──┤ hub: relays central's ports ── veth ── central
//	site 3 ── veth ──┘
//
// A broker that is neither at a site nor at central runs on the hub, which is hubIP to all.
//
// Sites know central by centralIP, which the hub has on its side, so that the name in
// central's certificate is right.
type network struct {
	t    *testing.T
	name string // begins the names of all namespaces
}

const (
	centralIP   = "10.77.0.2" // as sites see it
	behindHubIP = "10.77.1.2" // as the hub sees it
	hubIP       = "10.77.1.1"
)

// newNetwork makes a network, which is gone when the test ends.
func newNetwork(t *testing.T, sites int) *network {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("network namespaces can be made by root alone")
	}
	for _, tool := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed (packages iproute2 and nftables)", tool)
		}
	}
	w := &network{t: t, name: fmt.Sprintf("ll%d", os.Getpid())}
	if out, err := exec.Command("ip", "netns", "add", w.hub()).CombinedOutput(); err != nil {
		t.Skipf("network namespaces cannot be made here: %v: %s", err, out)
	}
	t.Cleanup(func() { w.run("ip", "netns", "del", w.hub()) })
	w.run("ip", "-n", w.hub(), "link", "set", "lo", "up")
	w.run("ip", "-n", w.hub(), "addr", "add", centralIP+"/32", "dev", "lo")
	w.join(w.central(), hubIP, behindHubIP)
	w.run("ip", "-n", w.central(), "addr", "add", centralIP+"/32", "dev", "lo") // for its certificate
	for i := range sites {
		w.join(w.site(i), fmt.Sprintf("10.77.%d.1", 10+i), fmt.Sprintf("10.77.%d.2", 10+i))
		w.run("ip", "-n", w.site(i), "route", "add", "default", "via", fmt.Sprintf("10.77.%d.1", 10+i))
		w.run("ip", "netns", "exec", w.site(i), "nft", "add", "table", "inet", "trouble")
		w.run("ip", "netns", "exec", w.site(i), "nft", "add chain inet trouble in { type filter hook input priority 0; }")
		w.run("ip", "netns", "exec", w.site(i), "nft", "add chain inet trouble out { type filter hook output priority 0; }")
	}
	return w
}

func (w *network) hub() string       { return w.name + "h" }
func (w *network) central() string   { return w.name + "c" }
func (w *network) site(i int) string { return w.name + "s" + strconv.Itoa(i) }

// join makes a namespace with a way to the hub.
func (w *network) join(name, hubIP, ip string) {
	w.t.Helper()
	w.run("ip", "netns", "add", name)
	w.t.Cleanup(func() { w.run("ip", "netns", "del", name) })
	w.run("ip", "-n", name, "link", "set", "lo", "up")
	w.run("ip", "-n", w.hub(), "link", "add", name, "type", "veth", "peer", "name", "up0", "netns", name)
	w.run("ip", "-n", w.hub(), "addr", "add", hubIP+"/24", "dev", name)
	w.run("ip", "-n", name, "addr", "add", ip+"/24", "dev", "up0")
	w.run("ip", "-n", w.hub(), "link", "set", name, "up")
	w.run("ip", "-n", name, "link", "set", "up0", "up")
}

func (w *network) run(command ...string) {
	w.t.Helper()
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		w.t.Fatalf("%s: %v: %s", strings.Join(command, " "), err, out)
	}
}

// in makes cmd run in a namespace.
func (w *network) in(namespace string, cmd *exec.Cmd) *exec.Cmd {
	inside := exec.Command("ip", append([]string{"netns", "exec", namespace, cmd.Path}, cmd.Args[1:]...)...)
	inside.Env, inside.Dir = cmd.Env, cmd.Dir
	return inside
}

// off makes a command of in run another program, whose clock is so many seconds ahead.
func (w *network) off(inside *exec.Cmd, program string, seconds int) *exec.Cmd {
	other := *inside
	other.Args = slices.Clone(inside.Args)
	other.Args[4] = program // behind: ip netns exec NAMESPACE
	other.Env = append(slices.Clone(inside.Env), fmt.Sprintf("%s=%d", clockAhead, seconds))
	return &other
}

// drop loses packets from and to a site: all of them, or some percent. 0 is none.
func (w *network) drop(i, percent int) {
	w.t.Helper()
	for _, chain := range []string{"in", "out"} {
		w.run("ip", "netns", "exec", w.site(i), "nft", "flush chain inet trouble "+chain)
		device := map[string]string{"in": "iifname", "out": "oifname"}[chain]
		some := ""
		if percent < 100 {
			some = fmt.Sprintf("numgen random mod 100 < %d", percent)
		}
		if percent > 0 {
			w.run("ip", "netns", "exec", w.site(i), "nft", fmt.Sprintf("add rule inet trouble %s %s up0 %s drop", chain, device, some))
		}
	}
}

// relay starts the hub's relay of a port. Each connection is as slow as the file says at
// its beginning, in milliseconds each way.
func (w *network) relay(port int, slowness string) {
	w.t.Helper()
	address := ":" + strconv.Itoa(port)
	self, err := exec.LookPath("slowrelay")
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := w.in(w.hub(), exec.Command(self, centralIP+address, behindHubIP+address, slowness))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		cmd.Process.Kill() // fails when it has ended
		cmd.Wait()         // it was killed
	})
}
