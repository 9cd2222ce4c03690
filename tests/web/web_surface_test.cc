#include "plugin/web/web_surface.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace session_status::web {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Asset kFiles[] = {
    {"/", "text/html; charset=utf-8", "\"a1\"", false, "<html>"},
    {"/ui/assets/x.js", "text/javascript; charset=utf-8", "\"b2\"", true, "1"},
};

ApiFacts Facts(absl::string_view instance_id) {
  ApiFacts facts;
  facts.version = "1";
  facts.instance_id = instance_id;
  return facts;
}

http::Reply Get(WebSurface& surface, absl::string_view path, absl::string_view known_etag = "",
                absl::string_view method = "GET") {
  http::Request request;
  request.method = method;
  request.path = path;
  const http::Header header{"If-None-Match", known_etag};
  if (!known_etag.empty()) request.headers = absl::MakeConstSpan(&header, 1);
  http::Reply reply;
  surface.Handle(request, &reply);
  return reply;
}

std::string HeaderOf(const http::Reply& reply, absl::string_view name) {
  for (const auto& [key, value] : reply.headers) {
    if (key == name) return value;
  }
  return "";
}

TEST(WebSurfaceTest, ServesThePageAndItsFiles) {
  WebSurface surface(Facts("m"), kFiles);
  EXPECT_EQ(Get(surface, "/").body, "<html>");
  EXPECT_EQ(Get(surface, "/").content_type, "text/html; charset=utf-8");
  EXPECT_EQ(Get(surface, "/ui/assets/x.js").body, "1");
  EXPECT_EQ(Get(surface, "/ui/assets/../x").status, 404);
  EXPECT_EQ(Get(surface, "/", "", "POST").status, 405);
}

TEST(WebSurfaceTest, StrangersAreNotToldTheInstancesName) {
  WebSurface surface(Facts("post-cn-secret"), kFiles);
  const auto ask = [&surface](const http::Peer& peer, const std::string& known_etag = "") {
    http::Request request;
    request.method = "GET";
    request.path = WebSurface::kDescriptionPath;
    request.peer = &peer;
    const http::Header headers[] = {{"Host", "127.0.0.1"}, {"If-None-Match", known_etag}};
    request.headers = headers;
    http::Reply reply;
    surface.Handle(request, &reply);
    return reply;
  };
  http::Peer stranger;
  stranger.address = "203.0.113.9";
  http::Peer local;
  local.loopback = true;
  const http::Reply told = ask(local);
  const http::Reply untold = ask(stranger);
  EXPECT_THAT(told.body, HasSubstr("\"x-instance-id\":\"post-cn-secret\""));
  EXPECT_THAT(untold.body, AllOf(HasSubstr("\"x-instance-id\":\"\""), Not(HasSubstr("secret"))));
  EXPECT_EQ(ask(stranger, HeaderOf(untold, "ETag")).status, 304);
  EXPECT_EQ(ask(stranger, HeaderOf(told, "ETag")).status, 200) << "not even by its ETag";
}

TEST(WebSurfaceTest, AllowsNothingFromElsewhereAndNothingInline) {
  WebSurface surface(Facts("m"), kFiles);
  for (const char* path : {"/", "/ui/assets/x.js", "/openapi.json"}) {
    SCOPED_TRACE(path);
    const http::Reply reply = Get(surface, path);
    EXPECT_THAT(HeaderOf(reply, "Content-Security-Policy"),
                AllOf(HasSubstr("default-src 'none'"), HasSubstr("script-src 'self'"),
                      HasSubstr("frame-ancestors 'none'"), HasSubstr("form-action 'none'"),
                      HasSubstr("base-uri 'none'"),
                      HasSubstr("require-trusted-types-for 'script'; trusted-types 'none'"),
                      Not(HasSubstr("unsafe")), Not(HasSubstr("http")), Not(HasSubstr("*"))));
    EXPECT_EQ(HeaderOf(reply, "Referrer-Policy"), "no-referrer");
    EXPECT_EQ(HeaderOf(reply, "Set-Cookie"), "");
    EXPECT_EQ(HeaderOf(reply, "Access-Control-Allow-Origin"), "");
  }
}

TEST(WebSurfaceTest, ABrowserThatKnowsTheFileIsToldSo) {
  WebSurface surface(Facts("m"), kFiles);
  EXPECT_EQ(HeaderOf(Get(surface, "/"), "Cache-Control"), "no-cache");
  EXPECT_THAT(HeaderOf(Get(surface, "/ui/assets/x.js"), "Cache-Control"), HasSubstr("immutable"));
  const http::Reply known = Get(surface, "/", "\"a1\"");
  EXPECT_EQ(known.status, 304);
  EXPECT_EQ(known.body, "");
  EXPECT_EQ(Get(surface, "/", "\"old\"").status, 200);
}

TEST(WebSurfaceTest, WithoutABuiltPageTheRootSaysHowToAsk) {
  WebSurface surface(Facts("m"), {});
  const http::Reply reply = Get(surface, "/");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.content_type, "text/plain; charset=utf-8");
  EXPECT_THAT(reply.body, HasSubstr("mosquitto_session"));
}

}  // namespace
}  // namespace session_status::web
