// doctor on configurations and files, without a broker: each defect is found, for the user that the
// broker becomes, and with a remedy that does no harm.
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/cli/cli_process.h"
#include "tests/cli/fake_systemctl.h"
#include "tests/testing/small_disk.h"
#include "tests/testing/temp_dir.h"
#include "tests/transport/test_certificates.h"

namespace session_status::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Good as an access file, as a webhook's secret and as the engine's credentials.
constexpr char kSecret[] = R"({"version":1,"accounts":[]})";
constexpr uid_t kNobody = 65'534;

// A line of doctor as it begins.
std::string Line(const char* verdict, const char* subject, absl::string_view text) {
  return absl::StrFormat("%-8s  %-13s  %s", verdict, subject, text);
}

class DoctorTest : public ::testing::Test {
 protected:
  DoctorTest() { EXPECT_EQ(chmod(dir_.path().c_str(), 0755), 0); }

  // `options`: lines below the plugin's; they decide which user the broker becomes.
  std::string Diagnose(absl::string_view options, absl::string_view more = "") const {
    const std::string config = dir_.Write(
        "mosquitto.conf", absl::StrCat("plugin /x/mosquitto_session_status.so\n", options, "\n"));
    return RunCli(absl::StrCat(more, " doctor -c ", config)).output;
  }

  // A program that says it is this Mosquitto; its path.
  std::string MakeBroker(absl::string_view folder, absl::string_view version) const {
    EXPECT_TRUE(mkdir(dir_.File(folder).c_str(), 0755) == 0 || errno == EEXIST);
    const std::string path =
        dir_.Write(absl::StrCat(folder, "/mosquitto"),
                   absl::StrCat("#!/bin/sh\necho mosquitto version ", version, "\n"));
    EXPECT_EQ(chmod(path.c_str(), 0755), 0);
    return path;
  }
  // As if this Mosquitto were installed.
  void Install(absl::string_view version) const {
    MakeBroker("bin", version);
    setenv("PATH", absl::StrCat(dir_.File("bin"), ":", path_).c_str(), 1);
  }
  // As if mosquitto.service started this; after Install().
  void Serve(absl::string_view program, absl::string_view config) const {
    WriteFakeSystemctl(dir_, "bin/systemctl", program, absl::StrCat("-c ", config));
  }
  ~DoctorTest() override { setenv("PATH", path_.c_str(), 1); }

  const TempDir dir_;
  const std::string path_ = getenv("PATH");
};

class SecretOfTheDoctorTest : public DoctorTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can give a file to another user";
  }
  // Of a broker that becomes nobody.
  std::string DiagnoseSecret(uid_t owner, mode_t mode) const {
    const std::string path = dir_.Write("secret", kSecret);
    EXPECT_EQ(chown(path.c_str(), owner, 0), 0);
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return Diagnose(absl::StrCat("user nobody\nplugin_opt_", GetParam(), " ", path));
  }
  std::string Path() const { return dir_.File("secret"); }
};
INSTANTIATE_TEST_SUITE_P(In, SecretOfTheDoctorTest,
                         ::testing::Values("access_file", "webhook_secret_file",
                                           "fleet_credentials_file", "tls_private_key_file"),
                         [](const auto& of) { return std::string(of.param); });

TEST_P(SecretOfTheDoctorTest, IsJudgedForTheUserThatTheBrokerBecomes) {
  EXPECT_THAT(DiagnoseSecret(kNobody, 0600),
              HasSubstr(Line("ok", GetParam(), absl::StrCat(Path(), " is accepted\n"))));
  EXPECT_THAT(
      DiagnoseSecret(0, 0600),
      AllOf(HasSubstr(Line("problem", GetParam(), absl::StrCat(Path(), " (root:root, mode 0600)"))),
            HasSubstr("is not readable for nobody"),
            HasSubstr(absl::StrCat("→ chown nobody ", Path(), "\n"))));
}

TEST_P(SecretOfTheDoctorTest, IsClosedToOthers) {
  const bool is_taken = std::string(GetParam()) == "tls_private_key_file";
  EXPECT_THAT(DiagnoseSecret(kNobody, 0644),
              AllOf(HasSubstr(Line(is_taken ? "warning" : "problem", GetParam(), Path())),
                    HasSubstr("holds a secret, and others have access"), HasSubstr("→ chmod ")));
}

TEST_P(SecretOfTheDoctorTest, IsInAFolderThatTheBrokerMayEnter) {
  ASSERT_EQ(chmod(dir_.path().c_str(), 0700), 0);
  EXPECT_THAT(DiagnoseSecret(kNobody, 0600),
              AllOf(HasSubstr(Line("problem", GetParam(), Path())),
                    HasSubstr(absl::StrCat("nobody may not enter ", dir_.path()))));
}

TEST_F(DoctorTest, AnAccessFileOfSomebodyElseIsRefusedEvenWhereTheBrokerIsRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file to another user";
  const std::string path = dir_.Write("access.json", kSecret);
  const std::string options = absl::StrCat("user root\nplugin_opt_access_file ", path);
  EXPECT_THAT(Diagnose(options),
              HasSubstr(Line("ok", "access_file", absl::StrCat(path, " is accepted\n"))));
  ASSERT_EQ(chown(path.c_str(), kNobody, 0), 0);
  EXPECT_THAT(Diagnose(options), HasSubstr("does not belong to root"));
}

TEST_F(DoctorTest, InstancesOfTheAccessFileThatAreNotServedAreNamed) {
  const passwd* user = getpwuid(geteuid());
  ASSERT_NE(user, nullptr);
  const std::string path = dir_.Write(
      "access.json", R"({"version": 1, "accounts": [{"id": "1001", "instances": ["shop"]}]})");
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  const std::string given =
      absl::StrCat("user ", user->pw_name, "\nplugin_opt_access_file ", path, "\n");
  const std::string warning =
      Line("warning", "access_file",
           "account 1001 owns shop, which this server does not serve (instance_id is mosquitto)\n");
  EXPECT_THAT(Diagnose(given), HasSubstr(warning));
  for (const char* option :
       {"instance_id shop", "instances_by_username true", "instances_by_listener 1884=shop"}) {
    EXPECT_THAT(Diagnose(absl::StrCat(given, "plugin_opt_", option)),
                AllOf(HasSubstr(" is accepted\n"), Not(HasSubstr("does not serve"))))
        << option;
  }
}

TEST_F(DoctorTest, WhatIsInASecretIsReadAsThePluginReadsIt) {
  const passwd* user = getpwuid(geteuid());
  ASSERT_NE(user, nullptr);
  const std::string as_user = absl::StrCat("user ", user->pw_name, "\nplugin_opt_");
  const std::string path = dir_.Write("secret", "short");
  EXPECT_THAT(Diagnose(absl::StrCat(as_user, "access_file ", path)),
              HasSubstr(Line("problem", "access_file", absl::StrCat(path, ": line 1"))));
  EXPECT_THAT(Diagnose(absl::StrCat(as_user, "webhook_secret_file ", path)),
              HasSubstr("the secret has 5 bytes"));
  const std::string three_words = dir_.Write("words", "user pass word\n");
  EXPECT_THAT(Diagnose(absl::StrCat(as_user, "fleet_credentials_file ", three_words)),
              HasSubstr("the first line must be PASSWORD or USER PASSWORD"));
}

TEST_F(DoctorTest, NoFolderOfTheSystemIsToBeGivenAway) {
  for (const char* option : {"session_database /x.db", "usage_database /var/lib/x.db"}) {
    EXPECT_THAT(
        Diagnose(absl::StrCat("user nobody\nplugin_opt_", option)),
        AllOf(HasSubstr("is not writable for nobody"),
              HasSubstr("→ use a folder of the broker's own, for example /var/lib/mosquitto\n"),
              Not(HasSubstr("chown"))))
        << option;
  }
  EXPECT_THAT(Diagnose("user nobody\nplugin_opt_admin_socket /run/x.sock"),
              AllOf(HasSubstr("→ use a folder of the broker's own, for example /run/mosquitto\n"),
                    Not(HasSubstr("chown"))));
}

TEST_F(DoctorTest, AFolderIsNoFile) {
  for (const char* option : {"session_database", "admin_socket", "tls_certificate_file"}) {
    EXPECT_THAT(Diagnose(absl::StrCat("plugin_opt_", option, " ", dir_.path())),
                HasSubstr(Line("problem", option,
                               absl::StrCat(dir_.path(), " is a folder; name a file in it\n"))))
        << option;
  }
}

TEST_F(DoctorTest, EveryWrongOptionIsNamed) {
  const std::string output = Diagnose(
      "plugin_opt_snapshot_refresh often\nplugin_opt_snapshot_refrsh 1s\n"
      "plugin_opt_listener_threads 0\nplugin_opt_flappers_max 1\nplugin_opt_flappers_max 2\n"
      "plugin_opt_api_log none");
  EXPECT_THAT(output,
              AllOf(HasSubstr("conf:2: option plugin_opt_snapshot_refresh: \"often\" is not"),
                    HasSubstr("did you mean plugin_opt_snapshot_refresh?"),
                    HasSubstr("option plugin_opt_listener_threads: \"0\" is not"),
                    HasSubstr("conf:6: option plugin_opt_flappers_max: given twice"),
                    Not(HasSubstr("plugin_opt_api_log")), Not(HasSubstr("accepted"))));
}

TEST_F(DoctorTest, EveryContradictionIsNamedAndNoneThatIsNot) {
  EXPECT_THAT(Diagnose("plugin_opt_offline_grace 10m\nplugin_opt_ended_sessions_ttl 1s\n"
                       "plugin_opt_admin_socket none\nplugin_opt_admin_listen 192.0.2.1:18080\n"
                       "plugin_opt_admin_listen_tls [::1]:18081",
                       "--timeout 0.2"),
              AllOf(HasSubstr("option plugin_opt_offline_grace: 10m is longer"),
                    HasSubstr("\"192.0.2.1:18080\" is not a loopback address"),
                    HasSubstr("option plugin_opt_admin_listen_tls: needs"),
                    Not(HasSubstr("nobody could ask"))));
  EXPECT_THAT(Diagnose("plugin_opt_admin_socket none"), HasSubstr("nobody could ask"));
}

TEST_F(DoctorTest, AnOptionThatHasNothingToDoIsAWarning) {
  EXPECT_THAT(
      Diagnose("plugin_opt_audit_period 0s\nplugin_opt_audit_slice_max 500"),
      AllOf(HasSubstr("conf:3: option plugin_opt_audit_slice_max: \"500\" has no effect with "
                      "plugin_opt_audit_period 0s; raise that, or remove this line"),
            HasSubstr("2 given, all accepted")));
}

TEST_F(DoctorTest, WhatAStartWouldLoadIsLoaded) {
  EXPECT_THAT(Diagnose("plugin_opt_webhook_url https://ann:secret@example.com/"),
              AllOf(HasSubstr("option plugin_opt_webhook_url: holds a user name"),
                    Not(HasSubstr("ann:secret"))));
  transport::TestCertificates certificates(dir_.path());
  certificates.Make("one");
  certificates.Make("another");
  const auto with_key = [&](const std::string& key) {
    return Diagnose(absl::StrCat("plugin_opt_admin_listen_tls 127.0.0.1:18081\n",
                                 "plugin_opt_tls_certificate_file ",
                                 certificates.certificate_file("one"),
                                 "\nplugin_opt_tls_private_key_file ", certificates.key_file(key)));
  };
  EXPECT_THAT(with_key("one"), HasSubstr("3 given, all accepted"));
  EXPECT_THAT(with_key("another"),
              AllOf(HasSubstr("conf:4: option plugin_opt_tls_private_key_file \""),
                    HasSubstr("→ the option is right, the file is not; "),
                    Not(HasSubstr("docs/options.md"))));
}

TEST_F(DoctorTest, OptionsThatNoPluginGetsAreNamed) {
  const std::string config =
      dir_.Write("o.conf",
                 "plugin_opt_api_log none\nplugin /x/mosquitto_session_status.so\n"
                 "plugin_opt_instance_id a\n");
  EXPECT_THAT(
      RunCli(absl::StrCat("doctor -c ", config)).output,
      AllOf(HasSubstr(Line("problem", "options", absl::StrCat(config, ":1: plugin_opt_api_log "))),
            HasSubstr("1 given, all accepted")));
}

TEST_F(DoctorTest, WhatTheBrokerWouldTakeForAnotherNameIsNamed) {
  constexpr char kTab[] = ": a tab before the name or behind it: ";
  for (const char* line :
       {"plugin_opt_snapshot_refresh\t2s", "\tplugin_opt_snapshot_refresh 2s", "\t",
        "plugin_opt_snapshot_refresh\t 2s", " \tallow_anonymous true", "persistence\t", "\t# x"}) {
    EXPECT_THAT(Diagnose(line),
                HasSubstr(Line("problem", "configuration",
                               absl::StrCat(dir_.File("mosquitto.conf"), ":2", kTab))))
        << line;
  }
  EXPECT_THAT(Diagnose("  # x"), HasSubstr(":2: an indented comment: "));
  EXPECT_THAT(Diagnose("#\tx\n\n  \n\r\n  plugin_opt_snapshot_refresh \t2s \t\r\n# y"),
              AllOf(HasSubstr("1 given, all accepted"), Not(HasSubstr(kTab)),
                    Not(HasSubstr("indented comment"))));
}

TEST_F(DoctorTest, AnAddressOfTheBrokersOwnIsTaken) {
  const auto taken = [this](absl::string_view addresses, absl::string_view broker) {
    return Diagnose(absl::StrCat("plugin_opt_admin_listen ", addresses, "\n", broker))
               .find(" is taken by the broker's listener at ") != std::string::npos;
  };
  EXPECT_THAT(Diagnose("plugin_opt_admin_listen [::1]:80 127.0.0.1:31901\nlistener 1883\nlistener "
                       "31901"),
              HasSubstr(Line("problem", "admin_listen",
                             absl::StrCat(dir_.File("mosquitto.conf"),
                                          ":2: 127.0.0.1:31901 is taken by "
                                          "the broker's listener at ",
                                          dir_.File("mosquitto.conf"), ":4\n"))));
  EXPECT_THAT(Diagnose("plugin_opt_admin_listen_tls *:31901\nlistener 31901 127.0.0.1"),
              HasSubstr(Line("problem", "admin_listen_tls", "")));
  EXPECT_TRUE(taken("127.0.0.1:31901", "listener 31901 127.0.0.1"));
  EXPECT_TRUE(taken("127.0.0.1:31901", "listener 31901 0.0.0.0"));
  EXPECT_TRUE(taken("0.0.0.0:31901", "listener 31901 10.0.0.1"));
  EXPECT_TRUE(taken("localhost:31901", "listener 31901 localhost"));
  EXPECT_TRUE(taken("127.0.0.1:31901", "port 31901"));
  EXPECT_TRUE(taken("127.0.0.1:1883", "bind_address 127.0.0.1"));
  EXPECT_FALSE(taken("127.0.0.1:31902", "listener 31901"));
  EXPECT_FALSE(taken("127.0.0.1:31901", "listener 31901 10.0.0.1"));
  EXPECT_FALSE(taken("127.0.0.1:31901", "listener 31901 ::1"));
  EXPECT_FALSE(taken("127.0.0.1:31901", "listener 31901 ::"));
  EXPECT_FALSE(taken("127.0.0.1:1883", "listener 0 /run/mqtt.sock"));
  EXPECT_FALSE(taken("127.0.0.1:31901", "listener 31901\nbind_interface eth7"));
  EXPECT_FALSE(taken("127.0.0.1:31901", "bind_address 127.0.0.1\nport 31902"));
}

TEST_F(DoctorTest, LinesThatLoadItGiveTheSameOptions) {
  const auto diagnose_second = [this](absl::string_view options) {
    return Diagnose(absl::StrCat("plugin_opt_instance_id a\nplugin_opt_api_log none\n",
                                 "plugin /x/mosquitto_session_status.so\n", options));
  };
  EXPECT_THAT(diagnose_second("plugin_opt_instance_id b"),
              HasSubstr("conf:4: other options than at "));
  EXPECT_THAT(diagnose_second("plugin_opt_api_log none\nplugin_opt_instance_id a"),
              HasSubstr("conf:4: other options than at "));
  EXPECT_THAT(diagnose_second("plugin_opt_instance_id a\nplugin_opt_api_log none"),
              Not(HasSubstr("other options")));
}

TEST_F(DoctorTest, WhatIsInTheSocketsPlaceHasToBeASocket) {
  const std::string path = dir_.Write("a.sock", "");
  EXPECT_THAT(Diagnose(absl::StrCat("plugin_opt_admin_socket ", path)),
              AllOf(HasSubstr(Line("problem", "admin_socket",
                                   absl::StrCat(path, ": a file that is no socket is in the way"))),
                    HasSubstr("→ move it, or choose another path; ")));
}

TEST_F(DoctorTest, ThePathOfASocketIsShort) {
  const auto diagnose = [this](size_t bytes) {
    const std::string path = dir_.File(std::string(bytes - dir_.File("").size(), 'x'));
    return Diagnose(absl::StrCat("plugin_opt_admin_socket ", path));
  };
  EXPECT_THAT(diagnose(107), Not(HasSubstr("has at most")));
  EXPECT_THAT(diagnose(108), HasSubstr("has at most 107 bytes, this one has 108"));
}

TEST_F(DoctorTest, WithoutASocketTheAddressIsAsked) {
  EXPECT_THAT(Diagnose("plugin_opt_admin_socket none\nplugin_opt_admin_listen 127.0.0.1:1 [::1]:2"),
              AllOf(HasSubstr("cannot reach the plugin at http://127.0.0.1:1: "),
                    Not(HasSubstr("session_status.sock")), Not(HasSubstr("  socket  "))));
  EXPECT_THAT(Diagnose("plugin_opt_admin_socket none\nplugin_opt_admin_listen_tls 0.0.0.0:1"),
              AllOf(HasSubstr("cannot reach the plugin at https://127.0.0.1:1: "),
                    HasSubstr("--ca names the CA")));
}

TEST_F(DoctorTest, WhatTheInstalledBrokerNeedsIsNamed) {
  constexpr char kNeedsLogins[] = "starts only with plugin_opt_observe_logins true";
  constexpr char kPerListener[] = ": per_listener_settings true: ";
  Install("2.0.14");
  EXPECT_THAT(Diagnose("per_listener_settings true"),
              AllOf(HasSubstr(kNeedsLogins), HasSubstr(absl::StrCat("conf:2", kPerListener))));
  EXPECT_THAT(Diagnose("plugin_opt_observe_logins true\nper_listener_settings false"),
              AllOf(Not(HasSubstr(kNeedsLogins)), Not(HasSubstr(kPerListener)),
                    HasSubstr("2.0 would refuse every client")));
  Install("2.0.15");  // the first that gives plugins a tick then
  EXPECT_THAT(Diagnose("per_listener_settings true"),
              AllOf(HasSubstr(kNeedsLogins), Not(HasSubstr(kPerListener))));
  for (const char* version : {"2.1.2", "3.0.0", "unknown"}) {
    Install(version);
    EXPECT_THAT(Diagnose("per_listener_settings true"),
                AllOf(Not(HasSubstr(kNeedsLogins)), Not(HasSubstr(kPerListener))))
        << version;
  }
}

TEST_F(DoctorTest, InstancesByListenerAreAProblemOfMosquitto20) {
  const std::string kNoListeners =
      absl::StrCat("conf:3: the installed broker (", dir_.File("bin/mosquitto"),
                   ") is mosquitto 2.0, which does not tell which listener a client "
                   "uses: with plugin_opt_instances_by_listener the plugin does not start");
  constexpr char kOptions[] =
      "plugin_opt_observe_logins true\nplugin_opt_instances_by_listener 1884=post-cn-b";
  Install("2.0.11");
  EXPECT_THAT(Diagnose(kOptions), HasSubstr(kNoListeners));
  EXPECT_THAT(Diagnose("plugin_opt_instances_by_listener none"), Not(HasSubstr("which listener")));
  for (const char* version : {"2.1.2", "unknown"}) {
    Install(version);
    EXPECT_THAT(Diagnose(kOptions), Not(HasSubstr("which listener"))) << version;
  }
}

TEST_F(DoctorTest, ObservedLoginsAreNoProblemOfALineThatNeeds21) {
  const std::string config = dir_.Write("g.conf",
                                        "global_plugin /x/mosquitto_session_status.so\n"
                                        "plugin_opt_observe_logins true\n");
  const auto diagnose = [&config] { return RunCli(absl::StrCat("doctor -c ", config)).output; };
  for (const char* version : {"2.1.2", "unknown"}) {
    Install(version);
    EXPECT_THAT(diagnose(), Not(HasSubstr("logins  "))) << version;
  }
  Install("2.0.11");
  EXPECT_THAT(diagnose(), HasSubstr(") is mosquitto 2.0, which does not know global_plugin"));
}

// What doctor says where nobody listens of a file with global_plugin.
class ServiceOfTheDoctorTest : public DoctorTest {
 protected:
  std::string Diagnose() const { return RunCli(absl::StrCat("doctor -c ", config_)).output; }

  const std::string config_ =
      dir_.Write("g.conf", "global_plugin /x/mosquitto_session_status.so\n");
  static constexpr char kDoesNotKnow[] =
      " is mosquitto 2.0, which does not know global_plugin and would not start\n";
};

TEST_F(ServiceOfTheDoctorTest, DecidesWhichBrokerReadsTheFileThatItNames) {
  Install("2.0.11");
  Serve(MakeBroker("opt", "2.1.2"), config_);
  EXPECT_THAT(Diagnose(), Not(HasSubstr("mosquitto 2.0")));
  Install("2.1.2");
  Serve(MakeBroker("opt", "2.0.11"), dir_.File("bin/../g.conf"));  // the same file
  EXPECT_THAT(Diagnose(),
              AllOf(HasSubstr(Line("problem", "plugin",
                                   absl::StrCat(config_, ":1: the broker of mosquitto.service (",
                                                dir_.File("opt/mosquitto"), ")", kDoesNotKnow))),
                    HasSubstr("→ write \"plugin /x/mosquitto_session_status.so\" instead\n")));
}

TEST_F(ServiceOfTheDoctorTest, SaysNothingOfAnotherFileAndWhatIsInstalledMayNotBeWhatReadsThis) {
  Install("2.0.11");
  const auto is_a_warning = AllOf(
      HasSubstr(Line("warning", "plugin",
                     absl::StrCat(config_, ":1: the installed broker (", dir_.File("bin/mosquitto"),
                                  ")", kDoesNotKnow))),
      HasSubstr("→ whether it reads this file is not known, for no mosquitto.service starts a "
                "broker with it; if it does, write \"plugin /x/mosquitto_session_status.so\""));
  Serve(MakeBroker("opt", "2.1.2"), "/etc/mosquitto/mosquitto.conf");
  EXPECT_THAT(Diagnose(), is_a_warning);
  ASSERT_EQ(chmod(dir_.Write("bin/systemctl", "#!/bin/sh\nexit 1\n").c_str(), 0755), 0);
  EXPECT_THAT(Diagnose(), is_a_warning);
}

TEST_F(ServiceOfTheDoctorTest, MayStartAProgramThatDoctorDoesNotStart) {
  const std::string started = dir_.File("started");
  const std::string program =
      dir_.Write("start-broker",
                 absl::StrCat("#!/bin/sh\necho mosquitto version 2.0.11 | tee ", started, "\n"));
  ASSERT_EQ(chmod(program.c_str(), 0755), 0);
  Install("2.0.11");
  Serve(program, config_);
  EXPECT_THAT(Diagnose(), Not(HasSubstr("mosquitto 2.0")));
  EXPECT_NE(access(started.c_str(), F_OK), 0);
}

// Of a broker that is there and does not say what it is.
class SilentBrokerOfTheDoctorTest : public DoctorTest {
 protected:
  SilentBrokerOfTheDoctorTest() {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_of_socket_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(fd_, 0), 0);
    Install("2.0.11");
  }
  ~SilentBrokerOfTheDoctorTest() override { Close(); }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  std::string Diagnose() const {
    const std::string config =
        dir_.Write("g.conf", "global_plugin /x/mosquitto_session_status.so\n");
    EXPECT_EQ(chmod(config.c_str(), 0644), 0);
    CliProcess doctor({"--timeout", "0.2", "--socket", path_of_socket_, "doctor", "-c", config},
                      Screen::kNone);
    EXPECT_EQ(doctor.Wait(), 1);
    return doctor.output();
  }

  const std::string path_of_socket_ = dir_.File("mute.sock");
  static constexpr char kOfAnother[] = ") is mosquitto 2.0, which does not know";

 private:
  int fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

TEST_F(SilentBrokerOfTheDoctorTest, IsNotTakenForTheInstalledOne) {
  const auto is_mute = AllOf(
      Not(HasSubstr(kOfAnother)),
      HasSubstr("→ somebody listens there and does not answer: is the broker stopped, or out of "
                "processor time?\n"));
  EXPECT_THAT(Diagnose(), AllOf(HasSubstr("timed out"), is_mute));
  // Nobody took that connection, and there is no room for a second one.
  EXPECT_THAT(Diagnose(), AllOf(HasSubstr("Resource temporarily unavailable"), is_mute));
  Close();
  EXPECT_THAT(Diagnose(), AllOf(HasSubstr("Connection refused"), HasSubstr(kOfAnother),
                                HasSubstr("→ is the broker running?")));
}

TEST_F(SilentBrokerOfTheDoctorTest, IsNotTakenForTheInstalledOneWhereItsSocketIsClosed) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  ASSERT_EQ(chmod(path_of_socket_.c_str(), 0600), 0);
  ASSERT_EQ(chmod(dir_.File("bin/mosquitto").c_str(), 0755), 0);
  dir_.Write("g.conf", "");
  ASSERT_EQ(chown(dir_.File("g.conf").c_str(), kNobody, 0), 0);
  ASSERT_EQ(seteuid(kNobody), 0);
  const std::string output = Diagnose();
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_THAT(output, AllOf(HasSubstr("Permission denied"), Not(HasSubstr(kOfAnother)),
                            HasSubstr("→ whether the broker runs cannot be told so: ask as root")));
}

TEST_F(DoctorTest, ASocketCanBeGivenOnlyToWhomTheBrokerMayGiveIt) {
  EXPECT_THAT(Diagnose("plugin_opt_admin_socket_owner no-such-user"),
              HasSubstr(Line("problem", "admin_socket_owner", "this machine knows no")));
  EXPECT_THAT(Diagnose("plugin_opt_admin_socket_group no-such-group"),
              HasSubstr(Line("problem", "admin_socket_group", "this machine knows no")));
  EXPECT_THAT(Diagnose("user nobody\nplugin_opt_admin_socket_owner root\n"
                       "plugin_opt_admin_socket_group daemon"),
              AllOf(HasSubstr("runs as nobody and cannot give its socket to root"),
                    HasSubstr("→ usermod -aG daemon nobody")));
  EXPECT_THAT(Diagnose("user root\nplugin_opt_admin_socket_owner daemon\n"
                       "plugin_opt_admin_socket_group daemon"),
              Not(HasSubstr("admin_socket_owner")));
}

TEST_F(DoctorTest, TheGroupOfTheSocketHasToBeAbleToEnterItsFolder) {
  const std::string folder = dir_.File("run");
  ASSERT_EQ(mkdir(folder.c_str(), 0700), 0);
  const std::string path = folder + "/a.sock";
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(chmod(path.c_str(), 0660), 0);
  const std::string ask = absl::StrCat("--socket ", path);
  EXPECT_THAT(Diagnose("", ask), AllOf(HasSubstr(Line("warning", "socket", path)),
                                       HasSubstr(absl::StrCat("but cannot enter ", folder)),
                                       HasSubstr(absl::StrCat("→ chmod g+x ", folder, "; docs/"))));
  ASSERT_EQ(chmod(folder.c_str(), 0750), 0);
  EXPECT_THAT(Diagnose("", ask), HasSubstr(Line("ok", "socket", path)));
  if (geteuid() == 0) {
    const group* ours = getgrgid(getegid());
    ASSERT_NE(ours, nullptr);
    const std::string name = ours->gr_name;
    ASSERT_EQ(chown(folder.c_str(), 0, 65'534), 0);
    EXPECT_THAT(Diagnose("", ask),
                AllOf(HasSubstr(Line("warning", "socket", path)),
                      HasSubstr(absl::StrCat("→ chgrp ", name, " ", folder, "; docs/"))));
  }
  close(fd);
}

TEST_F(DoctorTest, ThePluginsFileIsJudgedForTheUserThatTheBrokerBecomes) {
  if (geteuid() != 0) GTEST_SKIP() << "whose file it is may be the broker's";
  const std::string plugin = dir_.Write("mosquitto_session_status.so", "");
  const std::string config =
      dir_.Write("p.conf", absl::StrCat("user nobody\nplugin ", plugin, "\n"));
  const auto diagnose = [&config] { return RunCli(absl::StrCat("doctor -c ", config)).output; };
  EXPECT_THAT(diagnose(), AllOf(HasSubstr(Line("problem", "plugin", absl::StrCat(config, ":2: "))),
                                HasSubstr("mode 0600) is not readable for nobody"),
                                HasSubstr(absl::StrCat("chmod a+r ", plugin, "\n"))));
  ASSERT_EQ(chmod(plugin.c_str(), 0644), 0);
  EXPECT_THAT(diagnose(), HasSubstr(Line("ok", "plugin", config)));
  ASSERT_EQ(chmod(dir_.path().c_str(), 0700), 0);
  EXPECT_THAT(diagnose(), HasSubstr(absl::StrCat("nobody may not enter ", dir_.path())));
}

class DatabaseOfTheDoctorTest : public DoctorTest,
                                public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can give a file to another user";
    ASSERT_EQ(mkdir(dir_.File("data").c_str(), 0755), 0);
    ASSERT_EQ(chown(dir_.File("data").c_str(), kNobody, 0), 0);
  }
  std::string Path() const { return dir_.File("data/s.db"); }
  std::string DiagnoseFile(const std::string& suffix, uid_t owner, mode_t mode) const {
    const std::string path = dir_.Write("data/s.db" + suffix, "");
    EXPECT_EQ(chown(path.c_str(), owner, 0), 0);
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return Diagnose(absl::StrCat("user nobody\nplugin_opt_", GetParam(), " ", Path()));
  }
};
INSTANTIATE_TEST_SUITE_P(In, DatabaseOfTheDoctorTest,
                         ::testing::Values("session_database", "usage_database"),
                         [](const auto& of) { return std::string(of.param); });

// What comes of a backup that root puts back.
TEST_P(DatabaseOfTheDoctorTest, IsWritableForTheBrokerWithAllThatLiesBeside) {
  const std::string good = Line("ok", GetParam(), "folder ");
  EXPECT_THAT(DiagnoseFile("", kNobody, 0600), HasSubstr(good));
  const bool has_lock = GetParam() == std::string("session_database");
  for (const std::string suffix : {"-lock", "-wal", "-shm", ""}) {
    SCOPED_TRACE(suffix);
    if (suffix == "-lock" && !has_lock) {
      EXPECT_THAT(DiagnoseFile(suffix, 0, 0600), HasSubstr(good));
      continue;
    }
    EXPECT_THAT(
        DiagnoseFile(suffix, 0, 0600),
        AllOf(HasSubstr(Line("problem", GetParam(),
                             absl::StrCat(Path(), suffix, " (root:root, mode 0600) is not "))),
              HasSubstr(suffix.empty() || suffix == "-lock"
                            ? "the broker would not start\n"
                            : "what is kept there would be in memory only\n"),
              HasSubstr(absl::StrCat("→ chown nobody ", Path(), suffix, "\n")),
              Not(HasSubstr(good))));
    EXPECT_THAT(DiagnoseFile(suffix, kNobody, 0600), HasSubstr(good));
  }
}

TEST_P(DatabaseOfTheDoctorTest, IsClosedToOthers) {
  EXPECT_THAT(DiagnoseFile("", kNobody, 0640),
              AllOf(HasSubstr(Line("warning", GetParam(), Path())),
                    HasSubstr("is the broker's alone, and others have access"),
                    HasSubstr(absl::StrCat("→ chmod 600 ", Path(), "\n"))));
}

TEST_P(DatabaseOfTheDoctorTest, IsADatabaseAndNobodyElsesFile) {
  const auto diagnose = [this](absl::string_view content) {
    return Diagnose(
        absl::StrCat("user root\nplugin_opt_", GetParam(), " ", dir_.Write("data/x", content)));
  };
  const std::string problem = Line("problem", GetParam(), dir_.File("data/x: is a text file"));
  for (const char* content : {"a", "ann:$7$101$password"}) {
    EXPECT_THAT(diagnose(content), HasSubstr(problem)) << content;
  }
  // Nothing, a database, and one of ours whose first page a disk took: the plugin begins a new one.
  for (const std::string& content : {std::string(), std::string("SQLite format 3\0 and pages", 26),
                                     std::string("SQLite"), std::string(512, '\x01')}) {
    EXPECT_THAT(diagnose(content), Not(HasSubstr("stays as it is"))) << content;
  }
}

TEST_P(DatabaseOfTheDoctorTest, IsNoPipeAndThatIsFoundWithoutWaitingForIt) {
  const std::string pipe = dir_.File("data/x");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(
      Diagnose(absl::StrCat("user root\nplugin_opt_", GetParam(), " ", pipe)),
      AllOf(HasSubstr(Line("problem", GetParam(), absl::StrCat(pipe, ": not a regular file"))),
            HasSubstr(absl::StrCat("→ correct plugin_opt_", GetParam(),
                                   "; the broker would not start\n"))));
}

TEST_P(DatabaseOfTheDoctorTest, EachThatWasSetAsideIsTold) {
  const std::string path = dir_.File("x.db");
  const std::string options = absl::StrCat("user root\nplugin_opt_", GetParam(), " ", path);
  EXPECT_THAT(Diagnose(options), Not(HasSubstr(".damaged")));
  for (const char* number : {"", ".3"}) {
    dir_.Write(absl::StrCat("x.db.damaged", number), "");
    EXPECT_THAT(Diagnose(options),
                HasSubstr(Line("warning", GetParam(),
                               absl::StrCat(path, ".damaged", number, " is there: "))));
  }
}

TEST_P(DatabaseOfTheDoctorTest, IsNotOnADiskThatIsMountedReadOnly) {
  SmallDisk disk(dir_.File("data"));
  if (!disk.is_there()) GTEST_SKIP() << "only root can mount a disk to try this on";
  ASSERT_TRUE(disk.MakeReadOnly());
  EXPECT_THAT(Diagnose(absl::StrCat("user root\nplugin_opt_", GetParam(), " ", Path())),
              AllOf(HasSubstr(Line("problem", GetParam(), "folder ")),
                    HasSubstr("is on a file system that is mounted read-only")));
}

TEST_F(DoctorTest, NoPipeIsWaitedForWhereAFileIsNamed) {
  const std::string pipe = dir_.File("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  for (const char* option : {"tls_certificate_file", "access_file", "fleet_credentials_file"}) {
    EXPECT_THAT(Diagnose(absl::StrCat("user root\nplugin_opt_", option, " ", pipe)),
                HasSubstr(Line("problem", option, absl::StrCat(pipe, ": not a regular file"))));
  }
}

TEST_F(DoctorTest, ACertificateIsGoodForSomeTimeYet) {
  transport::TestCertificates certificates(dir_.path());
  const auto diagnose = [&](long good_for_s) {
    certificates.Make("server", good_for_s);
    return Diagnose(
        absl::StrCat("user root\nplugin_opt_admin_listen_tls 127.0.0.1:18081\n",
                     "plugin_opt_tls_certificate_file ", certificates.certificate_file("server"),
                     "\nplugin_opt_tls_private_key_file ", certificates.key_file("server")));
  };
  constexpr long kDay = 24 * 3600;
  EXPECT_THAT(diagnose(-60), AllOf(HasSubstr(Line("problem", "tls_certificate_file", "")),
                                   HasSubstr("server.pem: a certificate in it has expired on ")));
  EXPECT_THAT(diagnose(13 * kDay), AllOf(HasSubstr(Line("warning", "tls_certificate_file", "")),
                                         HasSubstr("server.pem: a certificate in it expires in ")));
  EXPECT_THAT(diagnose(15 * kDay), HasSubstr(Line("ok", "tls_certificate_file", "")));
}

TEST_F(DoctorTest, TheCaOfClientsIsGoodForSomeTimeYet) {
  transport::TestCertificates certificates(dir_.path());
  certificates.Make("server", 365L * 24 * 3600);
  const auto diagnose = [&](long good_for_s) {
    certificates.RenewCa(good_for_s);
    return Diagnose(
        absl::StrCat("user root\nplugin_opt_admin_listen_tls 127.0.0.1:18081\n",
                     "plugin_opt_tls_certificate_file ", certificates.certificate_file("server"),
                     "\nplugin_opt_tls_private_key_file ", certificates.key_file("server"),
                     "\nplugin_opt_tls_client_ca_file ", certificates.ca_file()));
  };
  constexpr long kDay = 24 * 3600;
  EXPECT_THAT(diagnose(-60), AllOf(HasSubstr(Line("problem", "tls_client_ca_file", "")),
                                   HasSubstr("ca.pem: a CA certificate in it has expired on ")));
  EXPECT_THAT(diagnose(13 * kDay), AllOf(HasSubstr(Line("warning", "tls_client_ca_file", "")),
                                         HasSubstr("ca.pem: a certificate in it expires in ")));
  EXPECT_THAT(diagnose(15 * kDay), HasSubstr(Line("ok", "tls_client_ca_file", "")));
}

TEST_F(DoctorTest, AListOfRevokedCertificatesHasToBeUpToDate) {
  transport::TestCertificates certificates(dir_.path());
  certificates.Make("server");
  const auto diagnose = [&](long good_for_s) {
    certificates.WriteRevocations({}, good_for_s);
    return Diagnose(
        absl::StrCat("user root\nplugin_opt_admin_listen_tls 127.0.0.1:18081\n",
                     "plugin_opt_tls_certificate_file ", certificates.certificate_file("server"),
                     "\nplugin_opt_tls_private_key_file ", certificates.key_file("server"),
                     "\nplugin_opt_tls_client_ca_file ", certificates.ca_file(),
                     "\nplugin_opt_tls_client_crl_file ", certificates.crl_file()));
  };
  EXPECT_THAT(diagnose(3600), HasSubstr(Line("ok", "tls_client_crl_file", "")));
  EXPECT_THAT(diagnose(-60),
              AllOf(HasSubstr(Line("problem", "tls_client_crl_file", "")),
                    HasSubstr("crl.pem: the list of revoked certificates has been out of date")));
}

// OpenSSL itself would ask the terminal for it, and the broker has nobody who answers.
TEST_F(DoctorTest, AKeyWithAPassPhraseIsRefusedWithoutAskingForIt) {
  transport::TestCertificates certificates(dir_.path());
  certificates.Make("server", 365L * 24 * 3600, "secret");
  const passwd* user = getpwuid(geteuid());
  ASSERT_NE(user, nullptr);
  const std::string config = dir_.Write(
      "m.conf",
      absl::StrCat("user ", user->pw_name, "\nplugin /x/mosquitto_session_status.so\n",
                   "plugin_opt_admin_listen_tls 127.0.0.1:18081\nplugin_opt_tls_certificate_file ",
                   certificates.certificate_file("server"), "\nplugin_opt_tls_private_key_file ",
                   certificates.key_file("server"), "\n"));
  CliProcess doctor({"doctor", "-c", config}, Screen::kAll);
  doctor.Write("secret\n");
  EXPECT_EQ(doctor.Wait(), 1);
  EXPECT_THAT(doctor.output(),
              AllOf(HasSubstr("give a PEM file without pass phrase"), Not(HasSubstr("Enter PEM"))));
}

TEST_F(DoctorTest, AFolderIsNoConfiguration) {
  const CliResult result = RunCli(absl::StrCat("doctor -c ", dir_.path()));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output,
              HasSubstr(Line("problem", "configuration",
                             absl::StrCat(dir_.path(), ": is a folder; name a file in it\n"))));
}

TEST_F(DoctorTest, WhoMayNotReadTheConfigurationIsToldToRunAsRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  const std::string config = dir_.Write("m.conf", "plugin /x/mosquitto_session_status.so\n");
  ASSERT_EQ(seteuid(kNobody), 0);
  CliProcess doctor({"doctor", "-c", config}, Screen::kNone);
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_EQ(doctor.Wait(), 1);
  EXPECT_THAT(doctor.output(),
              AllOf(HasSubstr(Line("problem", "configuration",
                                   absl::StrCat(config, ": Permission denied\n"))),
                    HasSubstr("→ run as root, as in sudo mosquitto_session doctor\n"),
                    Not(HasSubstr("--config"))));
}

TEST_F(DoctorTest, ALineThatOnlyNewerBrokersKnowIsCalledOne) {
  const std::string plugin = dir_.Write("mosquitto_session_status.so", "");
  ASSERT_EQ(chmod(plugin.c_str(), 0644), 0);
  const auto loading = [&](const char* keyword) {
    const std::string config =
        dir_.Write("other.conf", absl::StrCat(keyword, " ", plugin, "\nplugin_opt_api_log none\n"));
    return RunCli(absl::StrCat("--socket /nonexistent/a.sock doctor -c ", config)).output;
  };
  EXPECT_THAT(loading("global_plugin"),
              HasSubstr(absl::StrCat(plugin, " (global_plugin: from Mosquitto 2.1 on)\n")));
  EXPECT_THAT(loading("plugin"), HasSubstr(absl::StrCat("loads ", plugin, "\n")));
}

}  // namespace
}  // namespace session_status::testing
