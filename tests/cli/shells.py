"""shells.py - what bash, zsh and fish offer for a line `nerve ...`, asked of the shells themselves.

bash and zsh run on a pseudo-terminal: a key puts all that they offer into the line, and a function in the program's place tells what it was called with.
fish answers by itself.
"""
import os
import pathlib
import pty
import signal
import subprocess
import tempfile
import threading

SECONDS = 60  # for all lines


class NoAnswer(Exception):
    pass


def has_terminals():
    try:
        for fd in pty.openpty():
            os.close(fd)
    except OSError:
        return False
    return True


class Place:
    """A folder with empty files, where a shell is started, and beside it one for what it needs."""

    def __init__(self, files):
        self.files = files

    def __enter__(self):
        self.root = tempfile.TemporaryDirectory()
        self.folder, self.home = (pathlib.Path(self.root.name) / name for name in ('folder', 'home'))
        self.home.mkdir()
        for name in self.files:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).touch()
        return self

    def __exit__(self, *problem):
        self.root.cleanup()

    def environment(self):
        return dict(os.environ, HOME=str(self.home), ANSWER=str(self.home / 'answer'), TERM='dumb', INPUTRC='/dev/null')


def drain(terminal):
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:  # the shell has ended
        pass


def late(number, frame):
    raise NoAnswer(f'no answer within {SECONDS} s')


def on_terminal(place, command, setup, lines):
    answer = place.home / 'answer'
    os.mkfifo(answer)
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(place.folder)
        os.execvpe(command[0], command, place.environment())
    threading.Thread(target=drain, args=(terminal,), daemon=True).start()

    def ask(text):
        os.write(terminal, text.encode())
        return answer.read_text().split('\n')[:-1]

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        ask(setup + '; nerve() { printf "%s\\n" "$@" > "$ANSWER"; }; nerve\n')
        for line in lines:
            before, last = line.rsplit(' ', 1) if ' ' in line else ('', line)
            words = ask(f'nerve {line}\x14\n')[len(before.split()):]
            yield [] if words == [last] or words == [] else words
    finally:
        signal.alarm(0)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def bash(place, script, lines):
    (place.home / 'nerve').write_text(script)
    return list(on_terminal(place, ['bash', '--norc', '--noprofile', '-i'], 'source ~/nerve; bind \'"\\C-t": insert-completions\'', lines))


def zsh(place, script, lines):
    (place.home / '_nerve').write_text(script)
    return list(on_terminal(place, ['zsh', '-f', '-i'], 'fpath=(~ $fpath); autoload -Uz compinit; compinit -u -D; '
                            'all() { _main_complete; compstate[insert]=all; }; zle -C all complete-word all; bindkey "^T" all', lines))


def fish(place, script, lines):
    (place.home / 'nerve.fish').write_text(script)
    done = subprocess.run(['fish', '-c', 'source ~/nerve.fish; for line in $argv; complete -C "nerve $line"; echo END; end', *lines],
                          cwd=place.folder, env=place.environment(), capture_output=True, text=True, timeout=SECONDS)
    if done.returncode or done.stderr:
        raise NoAnswer(f'exit {done.returncode}: {done.stderr}')
    return [[offer.split('\t')[0].rstrip('/') for offer in part.splitlines()] for part in done.stdout.split('END\n')[:-1]]
