"""The command `task`: what people have to do, taking it on, and saying what came of it."""

import getpass

from cyclopts import App

from pilotage.app.commands_records import asked
from pilotage.app.exits import OK
from pilotage.app.options import DATA, AsJson, Data
from pilotage.app.tasks import TaskView
from pilotage.app.terminal import console, number, print_json, table

task = App(name="task", help="Tasks for people: which are open, taking them on, completing them.")


@task.command(name="list")
def task_list(*, team: str = "", person: str = "", limit: int = 100, after: str = "", data: Data = DATA, json: AsJson = False) -> int:
    """List open tasks.

    Example: pilotage task list --team service

    Parameters
    ----------
    team
        Only those of this team.
    person
        Only those that this person has taken on or is named by.
    limit
        How many at most.
    after
        The last task of the page before.
    """
    found = asked(data, lambda reader: reader.tasks(team, person, after, limit))
    if json:
        print_json(found)
        return OK
    rows = table("task", "what", "for", "taken on by", "due")
    for each in found.tasks:
        rows.add_row(each.id, each.title, each.person or each.team, each.claimed, f"{each.due} overdue" if each.overdue else each.due)
    out = console()
    if found.tasks:
        out.print(rows)
    out.print(f"{number(len(found.tasks))} open tasks" + (f"; more: --after {found.after}" if found.after else ""))
    return OK


@task.command(name="show")
def task_show(name: str, *, data: Data = DATA, json: AsJson = False) -> int:
    """Show an open task: what is to be done, by when, what may come of it.

    Example: pilotage task show ID

    Parameters
    ----------
    name
        The task's id.
    """
    found = asked(data, lambda reader: reader.task(name))
    if json:
        print_json(found)
    else:
        _print(found)
    return OK


@task.command(name="claim")
def task_claim(name: str, *, person: str = "", data: Data = DATA, json: AsJson = False) -> int:
    """Take a task on.

    Example: pilotage task claim ID --person ada

    Parameters
    ----------
    name
        The task's id.
    person
        Who takes it on; without it, the user of this machine.
    """
    found = asked(data, lambda reader: reader.claim_task(name, person or getpass.getuser()))
    if json:
        print_json(found)
    else:
        console().print(f"{found.claimed} has taken on: {found.title}", markup=False)
    return OK


@task.command(name="complete")
def task_complete(name: str, outcome: str, *, person: str = "", note: str = "", data: Data = DATA, json: AsJson = False) -> int:
    """Say what came of a task: the journey goes on there, once.

    Example: pilotage task complete ID reached --note "Calls back on Monday"

    Parameters
    ----------
    name
        The task's id.
    outcome
        One of the task's outcomes.
    person
        Who has done it; without it, the user of this machine.
    note
        A remark that is kept with the decision.
    """
    found = asked(data, lambda reader: reader.complete_task(name, person or getpass.getuser(), outcome, note))
    if json:
        print_json(found)
    else:
        console().print(f"completed: {found.outcome}", markup=False)
    return OK


def _print(found: TaskView) -> None:
    out = console()
    out.print(f"[bold]{found.title}[/]")
    out.print(f"for       {found.person or found.team}" + (f", taken on by {found.claimed}" if found.claimed else ""), markup=False)
    out.print(f"due       {found.due}{' (overdue)' if found.overdue else ''}, withdrawn {found.until}", markup=False)
    out.print(f"outcomes  {', '.join(found.outcomes)}", markup=False)
    for name, value in found.data.items():
        out.print(f"          {name}: {value}", markup=False)
    out.print(f"about     {found.subject}, {found.journey} at {found.step}", markup=False)
