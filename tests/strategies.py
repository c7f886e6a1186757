"""
Hypothesis strategies that more than one test needs.
"""

from hypothesis import strategies as st

sizes = st.integers(min_value=0, max_value=1 << 44)
chunk_sizes = st.integers(min_value=1, max_value=1 << 34)
names = st.text(min_size=1, max_size=60)
hostile_names = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from("\r\n\"\\%;:&=+'/\udc80\udcff\ud800é日🎉"),
    ),
    min_size=1,
    max_size=60,
)
