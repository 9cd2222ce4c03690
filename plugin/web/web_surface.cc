#include "plugin/web/web_surface.h"

#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "plugin/http/get_only.h"
#include "plugin/http/trust.h"

namespace session_status::web {
namespace {

// Trusted types: the page never turns text into markup, and the browser holds it to that.
constexpr absl::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

struct SecurityHeader {
  http::HeaderName name;
  absl::string_view value;
};
constexpr SecurityHeader kSecurityHeaders[] = {
    {"Content-Security-Policy", kContentSecurityPolicy},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

constexpr Asset kTextPage = {
    "/", "text/plain; charset=utf-8", "\"text\"", false,
    "Mosquitto session status\n\n"
    "This plugin was built without its page. Ask by command:\n\n"
    "  mosquitto_session query CLIENT_ID\n\n"
    "or over HTTP: /openapi.json describes the API, /metrics is for Prometheus.\n"};

ApiFacts ForStrangers(ApiFacts facts) {
  facts.instance_id = "";
  return facts;
}

void Serve(const Asset& asset, const http::Request& request, http::Reply* reply) {
  for (const auto& [name, value] : kSecurityHeaders) {
    reply->headers.emplace_back(name, value);
  }
  reply->headers.emplace_back("ETag", std::string(asset.etag));
  reply->headers.emplace_back("Cache-Control",
                              asset.immutable ? "public, max-age=31536000, immutable" : "no-cache");
  reply->content_type = asset.content_type;
  const http::Header* known = request.FindHeader("if-none-match");
  if (known != nullptr && known->value == asset.etag) {
    reply->status = 304;
    return;
  }
  reply->body.assign(asset.content.data(), asset.content.size());
}

}  // namespace

WebSurface::Description::Description(const ApiFacts& facts)
    : text(DescribeApi(facts)),
      // Differs between contents within one run; a restart may reuse it for nothing worse than
      // one fetch too many.
      etag(absl::StrCat("\"", absl::Hex(absl::HashOf(text)), "\"")) {}

WebSurface::WebSurface(const ApiFacts& facts, absl::Span<const Asset> assets)
    : assets_(assets), description_(facts), strangers_description_(ForStrangers(facts)) {}

void WebSurface::Handle(const http::Request& request, http::Reply* reply) {
  if (!http::AllowGetOnly(request, reply)) return;
  if (request.path == kDescriptionPath) {
    const Description& description =
        http::IsTrusted(request) ? description_ : strangers_description_;
    return Serve({kDescriptionPath, "application/json", description.etag, false, description.text},
                 request, reply);
  }
  for (const Asset& asset : assets_) {
    if (request.path == asset.path) return Serve(asset, request, reply);
  }
  if (request.path == kPagePath) return Serve(kTextPage, request, reply);
  http::SetNotServed(404, absl::StatusCode::kNotFound, "nothing is served at this path", reply);
}

}  // namespace session_status::web
