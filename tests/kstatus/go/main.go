// kstatus says what becomes of objects in the eyes of those who deploy them.
//
// It reads {"objects": [...], "health": "..."} from stdin and prints one verdict for each object:
// `kstatus` as Flux computes it, and, given the text of an Argo CD health check, `argocd` as
// Argo CD's own interpreter runs it.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type question struct {
	Objects []map[string]any `json:"objects"`
	Health  string           `json:"health"`
}

type word struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

type verdict struct {
	Kstatus word  `json:"kstatus"`
	ArgoCD  *word `json:"argocd,omitempty"`
}

func main() {
	var asked question
	err := json.NewDecoder(os.Stdin).Decode(&asked)
	verdicts := make([]verdict, len(asked.Objects))
	for i := 0; err == nil && i < len(asked.Objects); i++ {
		verdicts[i], err = judged(asked.Objects[i], asked.Health)
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(verdicts)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func judged(object map[string]any, health string) (verdict, error) {
	result, err := status.Compute(&unstructured.Unstructured{Object: integers(object).(map[string]any)})
	if err != nil {
		return verdict{}, err
	}
	said := verdict{Kstatus: word{string(result.Status), result.Message}}
	if health != "" {
		said.ArgoCD, err = run(health, object)
	}
	return said, err
}

// integers gives whole numbers the type that the API's decoder gives them.
func integers(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			value[key] = integers(inner)
		}
	case []any:
		for i, inner := range value {
			value[i] = integers(inner)
		}
	case float64:
		if value == float64(int64(value)) {
			return int64(value)
		}
	}
	return value
}

// run gives the check what Argo CD gives it: the object as `obj`, and no library that reaches out
// of it. See util/lua/lua.go of Argo CD.
func run(health string, object map[string]any) (*word, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{
		{lua.LoadLibName, lua.OpenPackage},
		{lua.BaseLibName, lua.OpenBase},
		{lua.TabLibName, lua.OpenTable},
	} {
		err := state.CallByParam(
			lua.P{Fn: state.NewFunction(library.open), NRet: 0, Protect: true},
			lua.LString(library.name),
		)
		if err != nil {
			return nil, err
		}
	}
	state.SetGlobal("obj", table(state, object))
	if err := state.DoString(health); err != nil {
		return nil, err
	}
	answer, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("the check gave %s instead of a table", state.Get(-1).Type())
	}
	return &word{
		lua.LVAsString(answer.RawGetString("status")),
		lua.LVAsString(answer.RawGetString("message")),
	}, nil
}

func table(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case float64:
		return lua.LNumber(value)
	case int64:
		return lua.LNumber(value)
	case string:
		return lua.LString(value)
	case []any:
		made := state.CreateTable(len(value), 0)
		for _, inner := range value {
			made.Append(table(state, inner))
		}
		return made
	case map[string]any:
		made := state.CreateTable(0, len(value))
		for key, inner := range value {
			made.RawSetString(key, table(state, inner))
		}
		return made
	}
	return lua.LNil
}
