"""What each kind of step does when an entry comes to it, by its type in the plan."""

from pilotage.journey.decide_step import run_decide
from pilotage.journey.nested_steps import run_enter, run_repeat
from pilotage.journey.offers import run_message
from pilotage.journey.plan import Branch, Call, Decide, Emit, Enter, Exit, Repeat, Send, Set, Split, Task, Wait
from pilotage.journey.steps import run_branch, run_call, run_emit, run_exit, run_set, run_split, run_wait
from pilotage.journey.task_steps import run_task

RUN = {
    Wait: run_wait,
    Branch: run_branch,
    Split: run_split,
    Set: run_set,
    Emit: run_emit,
    Call: run_call,
    Send: run_message,
    Enter: run_enter,
    Repeat: run_repeat,
    Task: run_task,
    Decide: run_decide,
    Exit: run_exit,
}
