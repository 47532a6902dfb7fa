package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/install"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	authenticationcel "k8s.io/apiserver/pkg/authentication/cel"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/token/union"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
)

// How long an issuer on loopback may take until its metadata was read.
const ready = 8 * time.Second

var (
	scheme = runtime.NewScheme()
	codecs = serializer.NewCodecFactory(scheme, serializer.EnableStrict)
)

func init() {
	install.Install(scheme)
}

// Trust is what an API server is told: the flags of kube-apiserver, or the text of an AuthenticationConfiguration.
// Files holds what flags name by a path that is not on this machine.
type Trust struct {
	Flags         []string          `json:"flags"`
	Configuration string            `json:"configuration"`
	Files         map[string]string `json:"files"`
}

// Judge asks kube-apiserver's authenticators who bears a token.
type Judge struct {
	requests authenticator.Request
	stop     context.CancelFunc
}

// certificates is an authority that does not change.
type certificates []byte

func (c certificates) CurrentCABundleContent() []byte { return c }

// New starts what the API server would start, and waits for the issuers; the error is what would keep it from starting.
func New(trust Trust) (*Judge, error) {
	configuration, algorithms, err := trust.read()
	if err != nil {
		return nil, err
	}
	compiler := authenticationcel.NewDefaultCompiler()
	if wrong := validation.ValidateAuthenticationConfiguration(compiler, configuration, nil); len(wrong) > 0 {
		return nil, wrong.ToAggregate()
	}
	lifetime, stop := context.WithCancel(context.Background())
	var tokens []authenticator.Token
	for _, jwt := range configuration.JWT {
		options := oidc.Options{JWTAuthenticator: jwt, Compiler: compiler, SupportedSigningAlgs: algorithms}
		if jwt.Issuer.CertificateAuthority != "" {
			options.CAContentProvider = certificates(jwt.Issuer.CertificateAuthority)
		}
		token, err := oidc.New(lifetime, options)
		if err != nil {
			stop()
			return nil, err
		}
		await(token)
		tokens = append(tokens, token)
	}
	return &Judge{bearertoken.New(union.NewFailOnError(tokens...)), stop}, nil
}

// await returns when the issuer's metadata was read, or could not be.
func await(token oidc.AuthenticatorTokenWithHealthCheck) {
	for until := time.Now().Add(ready); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		if err := token.HealthCheck(); err == nil || !strings.HasSuffix(err.Error(), "is not initialized") {
			return
		}
	}
}

// Who is the user that an Authorization header stands for, or the reason why the API server answers 401.
func (j *Judge) Who(authorization string) (user.Info, error) {
	request := &http.Request{Header: http.Header{"Authorization": {authorization}}}
	answer, taken, err := j.requests.AuthenticateRequest(request.WithContext(context.Background()))
	if err != nil {
		return nil, err
	}
	if !taken {
		return nil, errors.New("there is no bearer token")
	}
	return answer.User, nil
}

// read is the configuration, and the algorithms that go with its form.
func (t Trust) read() (*apiserver.AuthenticationConfiguration, []string, error) {
	if t.Configuration == "" {
		return t.readFlags()
	}
	if len(t.Flags) > 0 {
		return nil, nil, errors.New("authentication-config file and oidc-* flags are mutually exclusive")
	}
	decoded, err := runtime.Decode(codecs.UniversalDecoder(), []byte(t.Configuration))
	if err != nil {
		return nil, nil, err
	}
	configuration, fits := decoded.(*apiserver.AuthenticationConfiguration)
	if !fits {
		return nil, nil, fmt.Errorf("expected AuthenticationConfiguration, got %T", decoded)
	}
	return configuration, oidc.AllValidSigningAlgorithms(), nil
}

// readFlags makes of the flags what kube-apiserver makes of them: names and defaults are those of its reference page.
func (t Trust) readFlags() (*apiserver.AuthenticationConfiguration, []string, error) {
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	issuer := flags.String("oidc-issuer-url", "", "")
	client := flags.String("oidc-client-id", "", "")
	authority := flags.String("oidc-ca-file", "", "")
	name := flags.String("oidc-username-claim", "sub", "")
	before := flags.String("oidc-username-prefix", "", "")
	groups := flags.String("oidc-groups-claim", "", "")
	beforeGroups := flags.String("oidc-groups-prefix", "", "")
	algorithms := flags.StringSlice("oidc-signing-algs", []string{"RS256"}, "")
	required := flags.StringToString("oidc-required-claim", nil, "")
	if err := flags.Parse(t.Flags); err != nil {
		return nil, nil, err
	}
	if *issuer == "" || *client == "" {
		return nil, nil, errors.New("oidc-issuer-url and oidc-client-id must be specified together")
	}
	prefix := *before
	switch {
	case prefix == "-":
		prefix = ""
	case prefix == "" && *name != "email":
		prefix = *issuer + "#"
	}
	jwt := apiserver.JWTAuthenticator{Issuer: apiserver.Issuer{URL: *issuer, Audiences: []string{*client}}}
	jwt.ClaimMappings.Username = apiserver.PrefixedClaimOrExpression{Claim: *name, Prefix: &prefix}
	if *groups != "" {
		jwt.ClaimMappings.Groups = apiserver.PrefixedClaimOrExpression{Claim: *groups, Prefix: beforeGroups}
	}
	if *authority != "" {
		content, there := t.Files[*authority]
		if !there {
			return nil, nil, fmt.Errorf("open %s: no such file or directory", *authority)
		}
		jwt.Issuer.CertificateAuthority = content
	}
	for claim, value := range *required {
		rule := apiserver.ClaimValidationRule{Claim: claim, RequiredValue: value}
		jwt.ClaimValidationRules = append(jwt.ClaimValidationRules, rule)
	}
	return &apiserver.AuthenticationConfiguration{JWT: []apiserver.JWTAuthenticator{jwt}}, *algorithms, nil
}
