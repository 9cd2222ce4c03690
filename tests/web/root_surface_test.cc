#include "plugin/web/root_surface.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "plugin/openapi/call_marks.h"

namespace session_status::web {
namespace {

struct Case {
  absl::string_view method, query;
  std::vector<http::Header> headers;
  bool page;
};

class Named : public http::Handler {
 public:
  explicit Named(const char* name) : name_(name) {}
  void Handle(const http::Request&, http::Reply* reply) override { reply->body = name_; }
  void HandleRefused(const http::Request&, int, absl::string_view, http::Reply* reply) override {
    reply->body = name_;
  }

 private:
  const char* const name_;
};

TEST(RootSurfaceTest, BrowsersGetThePageAndCallersTheApi) {
  Named page("page"), api("api");
  RootSurface root(page, api, openapi::HasCallMark);
  const http::Header html = {"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"};
  for (const Case& c : {
           Case{"GET", "", {html}, true},
           Case{"HEAD", "", {html}, true},
           Case{"GET", "utm=1", {html}, true},
           Case{"POST", "", {html}, false},
           Case{"GET", "", {}, false},
           Case{"GET", "", {{"Accept", "*/*"}}, false},
           Case{"GET", "Action=QuerySessionByClientId", {html}, false},
           Case{"GET", "Format=JSON&Signature=x", {html}, false},
           Case{"GET", "a=b&AccessKeyId=x", {html}, false},
           Case{"GET", "", {html, {"Authorization", "ACS3-HMAC-SHA256 x"}}, false},
           Case{"GET", "", {html, {"Authorization", "Basic eDp5"}}, true},
           Case{"GET", "", {html, {"X-Acs-Action", "QuerySessionByClientId"}}, false},
       }) {
    SCOPED_TRACE(::testing::Message()
                 << c.method << " ?" << c.query << " headers " << c.headers.size());
    http::Request request;
    request.method = c.method;
    request.path = "/";
    request.query = c.query;
    request.headers = c.headers;
    http::Reply reply;
    root.Handle(request, &reply);
    EXPECT_EQ(reply.body, c.page ? "page" : "api");
  }
}

TEST(RootSurfaceTest, ARefusalHasTheShapeThatSdksCanRead) {
  Named page("page"), api("api");
  RootSurface root(page, api, openapi::HasCallMark);
  http::Reply reply;
  root.HandleRefused(http::Request(), 413, "too long", &reply);
  EXPECT_EQ(reply.body, "api");
}

}  // namespace
}  // namespace session_status::web
