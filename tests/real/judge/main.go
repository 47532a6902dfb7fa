// The judge of tokens: kube-apiserver's own OIDC authenticator and the form of its AuthenticationConfiguration, behind
// a little HTTP on loopback. It prints its address, and ends with its standard input.
//
//	POST /judge    {"flags", "configuration", "files", "tokens"}: who bears each token, or the authenticator's error
//	POST /servers  the same with "certificate" and "key" (PEM): an API server over TLS that trusts so; its "url"
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

// Verdict is who the API server takes a token's bearer for, or why it answers 401.
type Verdict struct {
	Username string              `json:"username,omitempty"`
	Groups   []string            `json:"groups,omitempty"`
	UID      string              `json:"uid,omitempty"`
	Extra    map[string][]string `json:"extra,omitempty"`
	Error    string              `json:"error,omitempty"`
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	http.HandleFunc("POST /judge", judge)
	http.HandleFunc("POST /servers", serve)
	go http.Serve(listener, nil)
	fmt.Printf("http://%s\n", listener.Addr())
	io.Copy(io.Discard, os.Stdin)
}

func judge(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Trust
		Tokens []string `json:"tokens"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	one, err := New(asked.Trust)
	if err != nil {
		answer(w, http.StatusOK, map[string]any{"error": err.Error()})
		return
	}
	defer one.stop()
	verdicts := []Verdict{}
	for _, token := range asked.Tokens {
		verdicts = append(verdicts, one.verdict("Bearer "+token))
	}
	answer(w, http.StatusOK, map[string]any{"verdicts": verdicts})
}

func (j *Judge) verdict(authorization string) Verdict {
	who, err := j.Who(authorization)
	if err != nil {
		return Verdict{Error: err.Error()}
	}
	return Verdict{who.GetName(), who.GetGroups(), who.GetUID(), who.GetExtra(), ""}
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(value)
}
