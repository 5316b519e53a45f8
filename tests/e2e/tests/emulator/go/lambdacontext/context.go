// Package lambdacontext has what the example uses of the package of this name in aws-lambda-go, with its types.
package lambdacontext

import "context"

// ClientContext is what a caller says of itself. Custom is text, as in the real package.
type ClientContext struct {
	Custom map[string]string `json:"custom"`
}

// LambdaContext is what is known of an invocation.
type LambdaContext struct {
	AwsRequestID  string
	ClientContext ClientContext
}

type key struct{}

// NewContext puts an invocation into a context.
func NewContext(parent context.Context, invocation *LambdaContext) context.Context {
	return context.WithValue(parent, key{}, invocation)
}

// FromContext finds it there.
func FromContext(ctx context.Context) (*LambdaContext, bool) {
	invocation, ok := ctx.Value(key{}).(*LambdaContext)
	return invocation, ok
}
