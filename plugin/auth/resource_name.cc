#include "plugin/auth/resource_name.h"

#include <initializer_list>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace session_status::auth {
namespace {

constexpr absl::string_view kService = "acs:mq:";
constexpr absl::string_view kType = "instance/";

}  // namespace

InstanceResource::InstanceResource(absl::string_view region, absl::string_view account,
                                   absl::string_view instance_id) {
  const auto append = [this](std::initializer_list<absl::string_view> parts) {
    const size_t begin = text_.size();
    for (const absl::string_view part : parts) text_.insert(text_.end(), part.begin(), part.end());
    return text_.size() - begin;
  };
  const size_t plain = append({kService, region, ":", account, ":", instance_id});
  const size_t typed = append({kService, region, ":", account, ":", kType, instance_id});
  both_[0] = absl::string_view(text_.data(), plain);
  both_[1] = absl::string_view(text_.data() + plain, typed);
}

absl::optional<InstanceName> ParseInstanceResource(absl::string_view resource) {
  if (!absl::ConsumePrefix(&resource, kService)) return absl::nullopt;
  const size_t first = resource.find(':');
  if (first == absl::string_view::npos) return absl::nullopt;
  const size_t second = resource.find(':', first + 1);
  if (second == absl::string_view::npos) return absl::nullopt;
  InstanceName name;
  name.region = resource.substr(0, first);
  name.account = resource.substr(first + 1, second - first - 1);
  name.instance_id = absl::StripPrefix(resource.substr(second + 1), kType);
  if (name.instance_id.empty() || absl::StrContains(name.instance_id, '/')) return absl::nullopt;
  return name;
}

}  // namespace session_status::auth
