//! Slurm's short forms of lists: of nodes (`n[1-3,07]`) and of counts a node (`4(x2),3`).

/// Most nodes that a list is expanded to: what is longer is no list of a job's nodes.
const MOST: usize = 100_000;

/// The names that a list such as `login,n[1-2,08-10]b[0-1]` stands for; `None` if it is none.
///
/// Numbers keep the zeros before them, as [`scontrol show hostnames`](https://slurm.schedmd.com/scontrol.html) does.
pub fn nodes(list: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for term in terms(list) {
        names.extend(expand(term)?);
        (names.len() <= MOST).then_some(())?;
    }
    Some(names)
}

/// The counts that a list such as `4(x2),3` stands for, one a node.
pub fn counts(list: &str) -> Option<Vec<usize>> {
    let mut counts = Vec::new();
    for term in list.split(',') {
        let (count, times) = match term.strip_suffix(')') {
            Some(term) => term.split_once("(x")?,
            None => (term, "1"),
        };
        let times: usize = times.parse().ok().filter(|&times| times <= MOST - counts.len())?;
        counts.extend(std::iter::repeat_n(count.parse::<usize>().ok()?, times));
    }
    Some(counts)
}

/// The parts of a list between commas, except for those within brackets.
fn terms(list: &str) -> impl Iterator<Item = &str> {
    let mut within = false;
    list.split(move |c| {
        within = (within || c == '[') && c != ']';
        c == ',' && !within
    })
}

/// One term: each of its first brackets, with each of what comes after them.
fn expand(term: &str) -> Option<Vec<String>> {
    let Some((before, rest)) = term.split_once('[') else {
        return (!term.is_empty() && !term.contains(']')).then(|| vec![term.to_owned()]);
    };
    let (ranges, after) = rest.split_once(']')?;
    let after = if after.is_empty() { vec![String::new()] } else { expand(after)? };
    let mut names = Vec::new();
    for range in ranges.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (from, to): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        (from <= to && (to - from + 1).checked_mul(after.len())? <= MOST - names.len().min(MOST)).then_some(())?;
        for number in from..=to {
            let number = format!("{number:0width$}", width = first.len());
            names.extend(after.iter().map(|after| format!("{before}{number}{after}")));
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &str, want: Option<&str>) {
        assert_eq!(nodes(list).map(|names| names.join(" ")).as_deref(), want, "{list}");
    }

    #[test]
    fn lists_of_nodes() {
        check("n1", Some("n1"));
        check("n[1-3]", Some("n1 n2 n3"));
        check("login,n[1,3-4],gpu-[08-11]", Some("login n1 n3 n4 gpu-08 gpu-09 gpu-10 gpu-11"));
        check("r[1-2]n[01-02].x", Some("r1n01.x r1n02.x r2n01.x r2n02.x"));
        for bad in ["", "n[", "n[1", "n]", "n[a]", "n[2-1]", "n1,", "n[1-999999999]", "n[1-99999]m[1-99999]"] {
            check(bad, None);
        }
    }

    #[test]
    fn lists_of_counts() {
        let check = |list, want: Option<&[usize]>| assert_eq!(counts(list).as_deref(), want, "{list}");
        check("4", Some(&[4]));
        check("4(x2),3", Some(&[4, 4, 3]));
        for bad in ["", "four", "4(x", "4(x2", "4x2", "1(x999999999)"] {
            check(bad, None);
        }
    }
}
