"""What each kind of step does when an entry comes to it, by its type in the plan."""

from pilotage.journey.nested_steps import run_enter, run_repeat
from pilotage.journey.plan import Branch, Call, Emit, Enter, Exit, Repeat, Send, Set, Split, Wait
from pilotage.journey.steps import run_branch, run_call, run_emit, run_exit, run_send, run_set, run_split, run_wait

RUN = {
    Wait: run_wait,
    Branch: run_branch,
    Split: run_split,
    Set: run_set,
    Emit: run_emit,
    Call: run_call,
    Send: run_send,
    Enter: run_enter,
    Repeat: run_repeat,
    Exit: run_exit,
}
