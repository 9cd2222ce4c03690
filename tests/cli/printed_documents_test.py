"""What `completion` and `manual` print works in the real programs: bash, zsh, fish, groff.

    printed_documents_test.py MOSQUITTO_SESSION
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

CLI = pathlib.Path(sys.argv[1])


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **more)


def printed(*arguments):
    result = run(CLI, *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def commands():
    """From --help: the names below "Subcommands:"."""
    part = printed("--help").split("Subcommands:")[1]
    return re.findall(r"(?m)^  ([a-z]+)\b", part.split("\n\n")[0])


def complete_in_bash(line):
    """The candidates a real bash offers at the end of `line`."""
    words = line.split(" ")
    script = (printed("completion", "bash") + "\nCOMP_WORDS=(" + " ".join(f"'{w}'" for w in words) +
              f")\nCOMP_CWORD={len(words) - 1}\ncompopt() {{ :; }}\n"
              "_mosquitto_session\nprintf '%s\\n' \"${COMPREPLY[@]}\"")
    result = run("bash", "--norc", "-c", script)
    assert result.returncode == 0 and not result.stderr, result.stderr
    return result.stdout.split("\n")[:-1]


class BashTest(unittest.TestCase):
    def test_the_script_is_sound(self):
        result = run("bash", "-n", input=printed("completion", "bash"))
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_it_registers_itself(self):
        script = printed("completion", "bash") + "\ncomplete -p mosquitto_session"
        self.assertIn("-F _mosquitto_session", run("bash", "--norc", "-c", script).stdout)

    def test_it_completes_commands_options_words_and_files(self):
        self.assertTrue(commands())
        self.assertEqual(sorted(complete_in_bash("mosquitto_session ")), sorted(commands()))
        self.assertEqual(complete_in_bash("mosquitto_session wa"), ["watch"])
        self.assertEqual(complete_in_bash("mosquitto_session --socket x li"), ["list"])
        self.assertEqual(complete_in_bash("mosquitto_session sts "), ["issue"])
        self.assertEqual(complete_in_bash("mosquitto_session sts issue --tt"), ["--ttl"])
        self.assertEqual(complete_in_bash("mosquitto_session list --conn"),
                         ["--connected-from", "--connected-until"])
        self.assertEqual(complete_in_bash("mosquitto_session list --state on"), ["online"])
        self.assertEqual(complete_in_bash("mosquitto_session list --state = on"), ["online"])
        self.assertEqual(complete_in_bash("mosquitto_session list --state online,offline_"),
                         ["online,offline_session_kept"])
        self.assertIn("--json", complete_in_bash("mosquitto_session query --"))
        self.assertEqual(complete_in_bash("mosquitto_session completion z"), ["zsh"])
        with tempfile.NamedTemporaryFile(prefix="ids-") as file:
            self.assertEqual(complete_in_bash(f"mosquitto_session batch --file {file.name[:-1]}"), [file.name])

    def test_a_file_name_with_a_blank_is_one_candidate(self):
        with tempfile.NamedTemporaryFile(prefix="my ids-") as file:
            start = file.name.split(" ")[0]
            self.assertEqual(complete_in_bash(f"mosquitto_session batch --file {start}"), [file.name])

    def test_a_value_is_not_taken_for_a_command(self):
        self.assertEqual(complete_in_bash("mosquitto_session list --prefix watch --sta"), ["--state"])

    def test_a_flag_has_no_value_that_a_command_could_be(self):
        self.assertEqual(complete_in_bash("mosquitto_session --json li"), ["list"])
        self.assertEqual(sorted(complete_in_bash("mosquitto_session --json ")), sorted(commands()))
        self.assertEqual(complete_in_bash("mosquitto_session list --csv --sta"), ["--state"])
        self.assertEqual(complete_in_bash("mosquitto_session history --stored --li"), ["--limit"])
        self.assertEqual(complete_in_bash("mosquitto_session --json list --state on"), ["online"])


class ZshTest(unittest.TestCase):
    def test_the_script_is_sound_and_registers_itself(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "_mosquitto_session"
            path.write_text(printed("completion", "zsh"))
            self.assertEqual(run("zsh", "-f", "-n", path).stderr, "")
            script = (f"fpath=({folder} $fpath); autoload -Uz compinit; compinit -D -u; "
                      "print -r -- $_comps[mosquitto_session]; source " + str(path) + " && print sourced")
            result = run("zsh", "-f", "-c", script)
            self.assertEqual(result.stdout.split(), ["_mosquitto_session", "sourced"], result.stderr)

    def complete(self, typed):
        """What a real zsh at a terminal makes of `typed` and the tabulator key."""
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "_mosquitto_session").write_text(printed("completion", "zsh"))
            line = pathlib.Path(folder) / "line"
            setup = (f"PS1= fpath=({folder} $fpath); autoload -Uz compinit; compinit -D -u; "
                     f"tell() {{ print -r -- $BUFFER >{line}; exit; }}; zle -N tell; bindkey '^X' tell; print ready")
            script = ("zmodload zsh/zpty; zpty shell zsh -f -i; zpty -w shell \"$SETUP\"; "
                      "zpty -r shell seen $'*\\nready*'; zpty -w -n shell \"$TYPED\"$'\\t\\x18'; "
                      "while zpty -r shell seen; do :; done")
            run("zsh", "-f", "-c", script, env={**os.environ, "SETUP": setup, "TYPED": typed, "TERM": "dumb"})
            return line.read_text().strip()

    def test_a_flag_has_no_value_that_a_command_could_be(self):
        self.assertEqual(self.complete("mosquitto_session --json li"), "mosquitto_session --json list")
        self.assertEqual(self.complete("mosquitto_session list --csv --sta"), "mosquitto_session list --csv --state")
        self.assertEqual(self.complete("mosquitto_session --socket x li"), "mosquitto_session --socket x list")


class FishTest(unittest.TestCase):
    def complete(self, line):
        with tempfile.TemporaryDirectory() as home:
            path = pathlib.Path(home) / "mosquitto_session.fish"
            path.write_text(printed("completion", "fish"))
            result = run("fish", "--no-config", "-c", f"source {path}; complete -C '{line}'",
                         env={**os.environ, "HOME": home, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home})
            self.assertEqual(result.stderr, "")
            return [candidate.split("\t")[0] for candidate in result.stdout.splitlines()]

    def test_it_completes_commands_options_and_words(self):
        self.assertEqual(sorted(self.complete("mosquitto_session ")), sorted(commands()))
        self.assertEqual(self.complete("mosquitto_session sts "), ["issue"])
        self.assertEqual(self.complete("mosquitto_session completion z"), ["zsh"])
        self.assertIn("--state", self.complete("mosquitto_session list --s"))
        self.assertEqual(self.complete("mosquitto_session list --state offline_"), ["offline_session_kept"])

    def test_a_flag_has_no_value_that_a_command_could_be(self):
        self.assertEqual(self.complete("mosquitto_session --json li"), ["list"])
        self.assertIn("--state", self.complete("mosquitto_session list --csv --s"))
        self.assertIn("--limit", self.complete("mosquitto_session history --stored --l"))


class HelpTest(unittest.TestCase):
    def test_every_command_has_examples_of_its_own_and_no_other(self):
        subcommands = [(command,) for command in commands()] + [("access", "check"), ("sts", "issue")]
        for words in subcommands:
            text = printed(*words, "--help")
            lines = [line for line in text.splitlines() if re.match(r"  .*\bmosquitto_session ", line)]
            self.assertTrue(lines, words)
            for line in lines:
                self.assertRegex(line, r"\bmosquitto_session (--json )?" + " ".join(words) + r"\b", words)

    def test_the_whole_has_environment_and_exit_codes(self):
        text = printed("--help")
        for heading in ("Environment:", "Exit status:", "Examples:"):
            self.assertIn("\n" + heading + "\n", text)


class ManualTest(unittest.TestCase):
    def test_groff_finds_nothing_to_warn_about(self):
        result = run("groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-z", input=printed("manual"))
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_every_command_and_option_of_the_help_is_in_it(self):
        text = run("groff", "-man", "-Tascii", "-Kutf8", "-P-cbou", input=printed("manual")).stdout
        for command in commands():
            self.assertRegex(text, rf"(?m)^   {command}$")
            for option in re.findall(r"(?m)^  .*?(--[a-z-]+)", printed(command, "--help")):
                if option != "--help":
                    self.assertIn(option, text, command)
        for heading in ("NAME", "SYNOPSIS", "OPTIONS", "COMMANDS", "ENVIRONMENT", "EXIT STATUS", "EXAMPLES"):
            self.assertRegex(text, rf"(?m)^{heading}$")

    def test_the_same_sources_make_the_same_page(self):
        self.assertEqual(printed("manual"), printed("manual"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
