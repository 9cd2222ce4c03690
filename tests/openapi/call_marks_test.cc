#include "plugin/openapi/call_marks.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace session_status::openapi {
namespace {

constexpr absl::string_view kForm = "application/x-www-form-urlencoded";

struct Case {
  absl::string_view query;
  std::vector<http::Header> headers;
  absl::string_view body;
};

http::Request RequestOf(const Case& c) {
  http::Request request;
  request.query = c.query;
  request.headers = c.headers;
  request.body = c.body;
  return request;
}

TEST(HasCallMarkTest, FindsThemInQueryHeadersAndForm) {
  const http::Header form = {"Content-Type", kForm};
  for (const Case& c : {
           Case{"Action=QuerySessionByClientId", {}, ""},
           Case{"Format=JSON&Signature=x", {}, ""},
           Case{"a=b&AccessKeyId=", {}, ""},
           Case{"", {{"X-Acs-Action", "QuerySessionByClientId"}}, ""},
           Case{"", {{"x-acs-version", "2020-04-20"}}, ""},
           Case{"", {{"authorization", "ACS3-HMAC-SHA256 Credential=x"}}, ""},
           Case{"", {{"Authorization", " acs id:signature"}}, ""},
           Case{"", {form}, "Format=JSON&Action=x"},
           Case{"",
                {{"content-type", "Application/X-WWW-Form-Urlencoded; charset=utf-8"}},
                "AccessKeyId=x&a=b"},
       }) {
    EXPECT_TRUE(HasCallMark(RequestOf(c))) << c.query << c.body;
  }
}

TEST(HasCallMarkTest, TakesNobodyElsesRequestForACall) {
  for (const Case& c : {
           Case{"", {}, ""},
           Case{"encoding=json&message=%7B%7D", {{"Connect-Protocol-Version", "1"}}, ""},
           Case{"action=x&MyAction=x&Action&Actions=x&x=Action=", {}, ""},
           Case{"", {{"Authorization", "Bearer ACS3"}}, ""},
           Case{"", {{"Authorization", "Basic eDp5"}}, ""},
           Case{"", {{"X-Acs", "x"}}, ""},
           Case{"", {{"Content-Type", "application/json"}}, "Action=x"},
           Case{"", {}, "Action=x"},
       }) {
    EXPECT_FALSE(HasCallMark(RequestOf(c))) << c.query << c.body;
  }
}

}  // namespace
}  // namespace session_status::openapi
