package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts run this very program as `llama`, each in a process of
// its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"llama": main, "slowrelay": slowRelay})
}

// anyPorts is a configuration that takes whatever ports are free. Each script
// finds it as any.yaml.
const anyPorts = `central: {listen: "127.0.0.1:0"}
node: {syslog: "127.0.0.1:0", ingest: "127.0.0.1:0"}
`

// TestScripts runs what testdata/script says. The commands of its own that a
// script may use are in commands_test.go.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_DATA_HOME", env.WorkDir+"/share")
			env.Setenv("XDG_CONFIG_HOME", env.WorkDir+"/config")
			env.Setenv("DATA", env.WorkDir+"/share/llama")
			env.Setenv("TZ", "UTC")
			return os.WriteFile(filepath.Join(env.WorkDir, "any.yaml"), []byte(anyPorts), 0o600)
		},
		Cmds:                scriptCommands,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// patience bounds every wait of a test. It is long because the machine that runs
// it may be slow, and is used up only by a test that fails.
const patience = 60 * time.Second
