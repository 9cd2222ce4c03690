// ParsePolicy and ParsePolicyText of access_policy.h.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "plugin/auth/access_policy.h"
#include "plugin/auth/wildcard.h"

namespace session_status::auth {
namespace {

using Kind = JsonNode::Kind;

constexpr absl::string_view kService = "mq";  // in actions and resources

// Reads a string or an array of strings, each checked by `check` (an error text, or empty).
template <typename Check>
absl::Status ReadStrings(const JsonDocument& document, const JsonNode& node, absl::string_view what,
                         Check check, std::vector<std::string>* out) {
  const bool array = node.kind == Kind::kArray;
  const size_t count = array ? node.elements.size() : 1;
  if (count == 0) return document.ErrorAt(node, absl::StrCat(what, " is empty"));
  if (count > kPatternsMax) {
    return document.ErrorAt(node, absl::StrCat(what, " has more than ", kPatternsMax, " entries"));
  }
  for (size_t i = 0; i < count; ++i) {
    const JsonNode& element = array ? node.elements[i] : node;
    if (element.kind != Kind::kString) {
      return document.ErrorAt(element, absl::StrCat(what, " must be a string or strings"));
    }
    const absl::string_view problem = check(element.text);
    if (!problem.empty()) return document.ErrorAt(element, problem);
    out->push_back(element.text);
  }
  return absl::OkStatus();
}

absl::string_view CheckAction(absl::string_view text) {
  if (text == "*") return {};
  const size_t colon = text.find(':');
  if (colon == absl::string_view::npos || colon == 0 || colon + 1 == text.size()) {
    return "an action is written <service>:<name>, as in mq:MqttInstanceAccess, or *";
  }
  return {};
}

absl::string_view CheckResource(absl::string_view text) {
  if (text == "*") return {};
  if (!absl::StartsWith(text, "acs:") || std::count(text.begin(), text.end(), ':') < 4) {
    return "a resource is written acs:<service>:<region>:<account>:<name>, or *";
  }
  return {};
}

// Whether a statement may speak of a call of this server. One that is about other services alone
// (a policy that was copied as a whole) may use their condition keys: it never applies here.
bool MayBeOurs(const Statement& statement) {
  // An action has one colon, so what stands before a pattern's first one is the service's part.
  const auto our_action = [](absl::string_view pattern) {
    return pattern == "*" ||
           MatchesWildcard(pattern.substr(0, pattern.find(':')), kService, LetterCase::kIgnore);
  };
  // Resources have more colons, across which a wildcard reaches.
  const auto our_resource = [](absl::string_view pattern) {
    absl::ConsumePrefix(&pattern, "acs:");
    const absl::string_view service = pattern.substr(0, pattern.find(':'));
    return service == kService || service.find_first_of("*?") != absl::string_view::npos;
  };
  const auto any = [](const std::vector<std::string>& patterns, auto ours) {
    return std::any_of(patterns.begin(), patterns.end(), ours);
  };
  return (statement.not_action || any(statement.actions, our_action)) &&
         any(statement.resources, our_resource);
}

// "IpAddress, NotIpAddress": what fits a key.
std::string OperatorsFor(ConditionKind kind) {
  std::vector<absl::string_view> names;
  for (const absl::string_view name : ConditionOperatorNames()) {
    if (FindConditionOperator(name)->kind == kind) names.push_back(name);
  }
  return absl::StrJoin(names, ", ");
}

// Sets condition->key. A condition that can never be met is refused: it would make a Deny void.
absl::Status ReadKey(const JsonDocument& document, const std::pair<std::string, size_t>& name,
                     bool ours, Condition* condition) {
  if (!ours) return absl::OkStatus();
  condition->key = FindConditionKey(name.first);
  if (condition->key == nullptr) {
    return document.ErrorAt(name.second, absl::StrCat("unknown condition key; ",
                                                      NameHint(name.first, ConditionKeyNames())));
  }
  if (condition->key->kind == condition->op->kind) return absl::OkStatus();
  return document.ErrorAt(name.second,
                          absl::StrCat(condition->op->name, " does not fit ", condition->key->name,
                                       ", which takes ", OperatorsFor(condition->key->kind)));
}

absl::Status ReadCondition(const JsonDocument& document, const JsonNode& node,
                           const ConditionOperator& op, const std::pair<std::string, size_t>& key,
                           bool ours, Statement* statement) {
  Condition condition;
  condition.op = &op;
  if (absl::Status s = ReadKey(document, key, ours, &condition); !s.ok()) return s;
  std::vector<std::string> texts;
  const auto check = [&op, &condition](absl::string_view text) -> absl::string_view {
    absl::optional<ConditionValue> value = ParseConditionValue(op.kind, text);
    if (!value.has_value()) {
      switch (op.kind) {
        case ConditionKind::kNumber:
          return "not a number";
        case ConditionKind::kDate:
          return "not a date and time as in 2027-01-01T00:00:00+08:00";
        case ConditionKind::kBool:
          return "neither \"true\" nor \"false\"";
        default:
          return "neither an IP address nor a block as in 192.168.0.0/16";
      }
    }
    condition.values.push_back(*std::move(value));
    return {};
  };
  absl::Status status = ReadStrings(document, node, "a condition's value", check, &texts);
  if (status.ok()) statement->conditions.push_back(std::move(condition));
  return status;
}

absl::Status ReadConditions(const JsonDocument& document, const JsonNode& node,
                            Statement* statement) {
  if (node.kind != Kind::kObject) return document.ErrorAt(node, "Condition must be an object");
  const bool ours = MayBeOurs(*statement);
  for (size_t i = 0; i < node.elements.size(); ++i) {
    const auto& [name, offset] = node.names[i];
    const ConditionOperator* op = FindConditionOperator(name);
    if (op == nullptr) {
      return document.ErrorAt(offset, absl::StrCat("unknown condition operator; ",
                                                   NameHint(name, ConditionOperatorNames())));
    }
    const JsonNode& keys = node.elements[i];
    if (keys.kind != Kind::kObject || keys.elements.empty()) {
      return document.ErrorAt(keys, "an operator holds an object of keys and values");
    }
    for (size_t k = 0; k < keys.elements.size(); ++k) {
      absl::Status status =
          ReadCondition(document, keys.elements[k], *op, keys.names[k], ours, statement);
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::Status ReadEffect(const JsonDocument& document, const JsonNode& node, bool* allow) {
  const JsonNode* effect = node.Find("Effect");
  if (effect == nullptr) return document.ErrorAt(node, "a statement needs an Effect");
  *allow = effect->text == "Allow";
  if (effect->kind != Kind::kString || (!*allow && effect->text != "Deny")) {
    return document.ErrorAt(*effect, "Effect must be \"Allow\" or \"Deny\"");
  }
  return absl::OkStatus();
}

absl::StatusOr<Statement> ReadStatement(const JsonDocument& document, const JsonNode& node) {
  if (node.kind != Kind::kObject) return document.ErrorAt(node, "a statement must be an object");
  // Said in their own words, because other policy languages have them.
  for (const absl::string_view name : {"NotResource", "Principal"}) {
    if (const JsonNode* found = node.Find(name); found != nullptr) {
      return document.ErrorAt(*found, absl::StrCat(name, " is not supported here"));
    }
  }
  Statement statement;
  absl::Status status = document.CheckNames(
      node, "a statement", {"Effect", "Action", "NotAction", "Resource", "Condition"});
  if (status.ok()) status = ReadEffect(document, node, &statement.allow);
  if (!status.ok()) return status;

  const JsonNode* action = node.Find("Action");
  const JsonNode* not_action = node.Find("NotAction");
  if ((action == nullptr) == (not_action == nullptr)) {
    return document.ErrorAt(node, "a statement needs either Action or NotAction");
  }
  statement.not_action = not_action != nullptr;
  status =
      ReadStrings(document, statement.not_action ? *not_action : *action,
                  statement.not_action ? "NotAction" : "Action", CheckAction, &statement.actions);
  if (!status.ok()) return status;

  const JsonNode* resource = node.Find("Resource");
  if (resource == nullptr) return document.ErrorAt(node, "a statement needs a Resource");
  status = ReadStrings(document, *resource, "Resource", CheckResource, &statement.resources);
  if (!status.ok()) return status;

  const JsonNode* condition = node.Find("Condition");
  if (condition != nullptr) status = ReadConditions(document, *condition, &statement);
  if (!status.ok()) return status;
  return statement;
}

}  // namespace

absl::StatusOr<Policy> ParsePolicy(const JsonDocument& document, const JsonNode& node,
                                   absl::string_view name) {
  if (node.kind != Kind::kObject) return document.ErrorAt(node, "a policy must be an object");
  absl::Status status = document.CheckNames(node, "a policy", {"Version", "Statement"});
  if (!status.ok()) return status;
  const JsonNode* version = node.Find("Version");
  if (version == nullptr) return document.ErrorAt(node, "a policy needs \"Version\": \"1\"");
  if (version->kind != Kind::kString || version->text != "1") {
    return document.ErrorAt(*version, "Version must be the string \"1\"");
  }
  const JsonNode* statements = node.Find("Statement");
  if (statements == nullptr) return document.ErrorAt(node, "a policy needs a Statement");
  const bool array = statements->kind == Kind::kArray;
  const size_t count = array ? statements->elements.size() : 1;
  if (count == 0 || count > kStatementsMax) {
    return document.ErrorAt(*statements,
                            absl::StrCat("a policy has 1 to ", kStatementsMax, " statements"));
  }
  Policy policy;
  policy.name = std::string(name);
  for (size_t i = 0; i < count; ++i) {
    absl::StatusOr<Statement> statement =
        ReadStatement(document, array ? statements->elements[i] : *statements);
    if (!statement.ok()) return statement.status();
    policy.statements.push_back(*std::move(statement));
  }
  return policy;
}

absl::StatusOr<Policy> ParsePolicyText(absl::string_view text, absl::string_view name) {
  absl::StatusOr<JsonDocument> document = JsonDocument::Parse(text);
  if (!document.ok()) return document.status();
  return ParsePolicy(*document, document->root(), name);
}

}  // namespace session_status::auth
