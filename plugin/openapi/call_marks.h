// What marks a request as a call of the documented API, whatever path it was sent to.
//
// SDKs take an endpoint with a path ("http://host:18080/mqtt") as willingly as one without, and the
// oldest of them take an error in another API's shape for an answer. So such calls are told their
// errors in the shape of this API (http::Router::SetFallback).
//
// Threads: any; a pure function.
#ifndef SESSION_STATUS_PLUGIN_OPENAPI_CALL_MARKS_H_
#define SESSION_STATUS_PLUGIN_OPENAPI_CALL_MARKS_H_

#include "plugin/http/http_message.h"

namespace session_status::openapi {

// A parameter Action, Signature or AccessKeyId, in the query or in a form; a header x-acs-action or
// x-acs-version; an Authorization by one of the API's own schemes (ACS…). Another Authorization
// says nothing: browsers send theirs to whoever asks for it, callers of other APIs have their own.
bool HasCallMark(const http::Request& request);

}  // namespace session_status::openapi

#endif  // SESSION_STATUS_PLUGIN_OPENAPI_CALL_MARKS_H_
